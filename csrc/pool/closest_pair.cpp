#include "pool/closest_pair.h"

#include <algorithm>
#include <limits>
#include <mutex>

#include "core/thread_pool.h"
#include "pool/pair_filter.h"

namespace pyuniform {
namespace {

constexpr ClosestPair kNone = {std::numeric_limits<double>::infinity(), -1, -1};

bool ahead(const ClosestPair& a, const ClosestPair& b) {
  if (a.distance2 != b.distance2) return a.distance2 < b.distance2;
  return a.first != b.first ? a.first < b.first : a.second < b.second;
}

// One thread's search, a tile of rows at a time.
class Search {
 public:
  Search(const Kernels& kernels, const Matrix& matrix, const Frame& frame, const Columns& columns)
      : filter_(kernels, matrix, frame, columns) {}

  // Compares n rows from `at` on with all columns after them, and tightens `best`.
  void look_at_tile(int64_t at, int n) {
    filter_.load(at, n);
    filter_.set_limit(best.distance2);
    filter_.scan(
        [&](int r, int64_t column, uint32_t bits) {
          if (compare(at + r, r, column, bits)) filter_.set_limit(best.distance2);
        },
        [] { return true; });
  }

  ClosestPair best = kNone;

 private:
  // Computes the distances of row i, row r of the tile, and rows column + c, for each bit c, in
  // float64; returns whether `best` has changed.
  bool compare(int64_t i, int r, int64_t column, uint32_t bits) {
    bool changed = false;
    for (; bits; bits &= bits - 1) {
      const int64_t j = column + __builtin_ctz(bits);
      if (j <= i || (best.distance2 == 0 && !ahead({0, i, j}, best))) continue;
      const ClosestPair pair = {filter_.distance2(r, j), i, j};
      if (!ahead(pair, best)) continue;
      best = pair;
      changed = true;
    }
    return changed;
  }

  PairFilter filter_;
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
