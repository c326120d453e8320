#include "pool/near_rows.h"

#include <algorithm>
#include <atomic>

#include "core/thread_pool.h"
#include "picks/panels.h"
#include "rows/rounding.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"

namespace pyuniform {
namespace {

struct Pair {
  int64_t first, second;
  double distance2;
};

// What one call looks at, and what its threads share.
struct Search {
  const Kernels& kernels;
  const Matrix& matrix;
  const Frame& frame;
  const Panels& panels;
  int64_t columns_begin;
  double floor2;
  int64_t most;
  std::atomic<int64_t> count{0};

  bool full() const { return count.load(std::memory_order_relaxed) > most; }
};

// One thread's tile of rows, compared with all columns.
class Tile {
 public:
  explicit Tile(Search& search)
      : search_(search),
        reader_(search.matrix, search.kernels),
        rows_(search.kernels.tile_rows),
        width_(padded(search.matrix.d)),
        packed_(rows_, search.matrix.d, rows_),
        x_(rows_ * width_),
        y_(width_),
        limit_(rows_),
        value_(rows_ * kPanel),
        below_(rows_),
        have_x_(rows_),
        near_(rows_) {}

  int64_t rows() const { return rows_; }

  // Appends the near pairs of rows `at` to `at` + n.
  void compare(int64_t at, int n, std::vector<Pair>* out) {
    for (int r = 0; r < n; ++r) {
      const double norm2 = reader_.pack(at + r, search_.frame, packed_.row(r));
      const double units = search_.frame.in_units(search_.floor2);
      limit_[r] = above(round_up((units - search_.frame.row_lower(norm2)) / 2));
      have_x_[r] = false;
      near_[r].clear();
    }
    // Columns up to the first row of the tile are pairs seen from the other side.
    const int64_t first_column = std::max(search_.columns_begin, at + 1) - search_.columns_begin;
    for (int64_t p = first_column / kPanel; p < search_.panels.count(); ++p) {
      const Panel& panel = search_.panels[p];
      search_.kernels.tile(packed_.row(0), packed_.stride, n, panel.values.get(), panel.half_lower,
                           search_.matrix.d, limit_.data(), value_.data(), below_.data(), nullptr);
      for (int r = 0; r < n; ++r)
        if (below_[r]) verify(at + r, r, search_.columns_begin + p * kPanel);
      if (search_.full()) return;
    }
    for (int r = 0; r < n; ++r) out->insert(out->end(), near_[r].begin(), near_[r].end());
  }

 private:
  // Computes the distances of row i, which is row r of the tile, to those of a panel's columns that
  // the filter left.
  void verify(int64_t i, int r, int64_t column) {
    double* x = &x_[r * width_];
    int64_t added = 0;
    for (uint32_t bits = below_[r]; bits; bits &= bits - 1) {
      const int64_t j = column + __builtin_ctz(bits);
      if (j <= i) continue;
      if (!have_x_[r]) reader_.canonical(i, x);
      have_x_[r] = true;
      reader_.canonical(j, y_.data());
      const double distance2 = search_.kernels.distance2(x, y_.data(), width_);
      if (distance2 > search_.floor2) continue;
      near_[r].push_back({i, j, distance2});
      ++added;
    }
    if (added) search_.count.fetch_add(added, std::memory_order_relaxed);
  }

  Search& search_;
  RowReader reader_;
  const int64_t rows_, width_;
  RowBlock packed_;
  std::vector<double> x_, y_;
  std::vector<float> limit_, value_;
  std::vector<uint32_t> below_;
  std::vector<char> have_x_;
  std::vector<std::vector<Pair>> near_;
};

}  // namespace

bool near_rows(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
               int64_t end, int64_t columns_begin, int64_t columns_end, double floor2, int64_t most,
               int threads, NearRows* found) {
  end = std::min(end, columns_end - 1);
  columns_begin = std::max(columns_begin, begin + 1);
  if (begin >= end || columns_begin >= columns_end) return true;

  Panels panels(kernels, matrix.d);
  {
    RowReader reader(matrix, kernels);
    std::vector<float> packed(matrix.d);
    for (int64_t j = columns_begin; j < columns_end; ++j) {
      const double norm2 = reader.pack(j, frame, packed.data());
      panels.append(frame, packed.data(), norm2);
    }
  }

  Search search{kernels, matrix, frame, panels, columns_begin, floor2, most};
  const double pairs =
      static_cast<double>(end - begin) * static_cast<double>(columns_end - columns_begin);
  threads = useful_threads(pairs * static_cast<double>(matrix.d), threads);
  const int64_t step = 8 * kernels.tile_rows;
  std::vector<std::vector<Pair>> blocks((end - begin + step - 1) / step);
  in_parallel(begin, end, step, threads, [&](Share& share) {
    Tile tile(search);
    for (const auto [from, to] : share)
      for (int64_t at = from; at < to && !search.full(); at += tile.rows())
        tile.compare(at, static_cast<int>(std::min(tile.rows(), to - at)),
                     &blocks[(from - begin) / step]);
  });
  if (search.full()) return false;
  for (const std::vector<Pair>& block : blocks) {
    for (const Pair& pair : block) {
      found->first.push_back(pair.first);
      found->second.push_back(pair.second);
      found->distance2.push_back(pair.distance2);
    }
  }
  return true;
}

}  // namespace pyuniform
