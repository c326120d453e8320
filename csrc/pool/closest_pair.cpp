#include "pool/closest_pair.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <vector>

#include "core/thread_pool.h"
#include "picks/panels.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"

namespace pyuniform {
namespace {

constexpr ClosestPair kNone = {std::numeric_limits<double>::infinity(), -1, -1};

bool ahead(const ClosestPair& a, const ClosestPair& b) {
  if (a.distance2 != b.distance2) return a.distance2 < b.distance2;
  return a.first != b.first ? a.first < b.first : a.second < b.second;
}

// The rows that others are compared with.
struct Columns {
  Columns(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
          int64_t end)
      : begin(begin), panels(kernels, matrix.d) {
    RowReader reader(matrix, kernels);
    std::vector<float> packed(matrix.d);
    for (int64_t j = begin; j < end; ++j) {
      const double norm2 = reader.pack(j, frame, packed.data());
      panels.append(frame, packed.data(), norm2);
    }
  }

  const int64_t begin;
  Panels panels;
};

// One thread's search, a tile of rows at a time.
class Search {
 public:
  Search(const Kernels& kernels, const Matrix& matrix, const Frame& frame, const Columns& columns)
      : kernels_(kernels),
        frame_(frame),
        columns_(columns),
        d_(matrix.d),
        reader_(matrix, kernels),
        packed_(kernels.tile_rows, matrix.d, kernels.tile_rows),
        x_(padded(matrix.d)),
        y_(padded(matrix.d)),
        lower_(kernels.tile_rows),
        limit_(kernels.tile_rows),
        value_(kernels.tile_rows * kPanel),
        below_(kernels.tile_rows) {}

  // Compares n rows from `at` on with all columns after them, and tightens `best`.
  void look_at_tile(int64_t at, int n) {
    for (int r = 0; r < n; ++r)
      lower_[r] = frame_.row_lower(reader_.pack(at + r, frame_, packed_.row(r)));
    set_limits(n);
    // Columns up to the first row of the tile are pairs seen from the other side.
    const int64_t first_column = std::max(columns_.begin, at + 1) - columns_.begin;
    for (int64_t p = first_column / kPanel; p < columns_.panels.count(); ++p) {
      const Panel& panel = columns_.panels[p];
      kernels_.tile(packed_.row(0), packed_.stride, n, panel.values.get(), panel.half_lower, d_,
                    limit_.data(), value_.data(), below_.data(), nullptr);
      for (int r = 0; r < n; ++r)
        if (below_[r] && compare(at + r, columns_.begin + p * kPanel, below_[r])) set_limits(n);
    }
  }

  ClosestPair best = kNone;

 private:
  void set_limits(int n) {
    for (int r = 0; r < n; ++r)
      limit_[r] = above(round_up((frame_.in_units(best.distance2) - lower_[r]) / 2));
  }

  // Computes the distances of row i and rows first_j + c, for each bit c, in float64; returns
  // whether `best` has changed.
  bool compare(int64_t i, int64_t first_j, uint32_t bits) {
    bool have_x = false, changed = false;
    for (; bits; bits &= bits - 1) {
      const int64_t j = first_j + __builtin_ctz(bits);
      if (j <= i || (best.distance2 == 0 && !ahead({0, i, j}, best))) continue;
      if (!have_x) reader_.canonical(i, x_.data());
      have_x = true;
      reader_.canonical(j, y_.data());
      const ClosestPair pair = {kernels_.distance2(x_.data(), y_.data(), padded(d_)), i, j};
      if (!ahead(pair, best)) continue;
      best = pair;
      changed = true;
    }
    return changed;
  }

  const Kernels& kernels_;
  const Frame& frame_;
  const Columns& columns_;
  const int64_t d_;
  RowReader reader_;
  RowBlock packed_;
  std::vector<double> x_, y_, lower_;
  std::vector<float> limit_, value_;
  std::vector<uint32_t> below_;
};

}  // namespace

void closest_pair(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
                  int64_t end, int64_t columns_begin, int64_t columns_end, int threads,
                  ClosestPair* best) {
  const int tile_rows = kernels.tile_rows;
  end = std::min(end, columns_end - 1);
  columns_begin = std::max(columns_begin, begin + 1);
  const Columns columns(kernels, matrix, frame, columns_begin, columns_end);
  const double pairs =
      static_cast<double>(end - begin) * static_cast<double>(columns_end - columns_begin);
  threads = useful_threads(pairs * static_cast<double>(matrix.d), threads);
  std::mutex mutex;
  in_parallel(begin, end, 8 * tile_rows, threads, [&](Share& share) {
    Search search(kernels, matrix, frame, columns);
    auto exchange = [&] {
      std::lock_guard<std::mutex> lock(mutex);
      if (ahead(*best, search.best)) search.best = *best;
      if (ahead(search.best, *best)) *best = search.best;
    };
    for (const auto [from, to] : share) {
      for (int64_t at = from; at < to; at += tile_rows) {
        exchange();  // a pair found by another thread only tightens the filter
        search.look_at_tile(at, static_cast<int>(std::min<int64_t>(tile_rows, to - at)));
      }
    }
    exchange();
  });
}

}  // namespace pyuniform
