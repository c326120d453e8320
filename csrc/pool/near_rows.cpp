#include "pool/near_rows.h"

#include <algorithm>
#include <atomic>

#include "core/thread_pool.h"
#include "pool/pair_filter.h"

namespace pyuniform {
namespace {

struct Pair {
  int64_t first, second;
  double distance2;
};

// The pairs that all threads have found, of which there may be too many.
struct Count {
  const int64_t most;
  std::atomic<int64_t> pairs{0};

  bool full() const { return pairs.load(std::memory_order_relaxed) > most; }
};

// One thread's tile of rows, compared with all columns.
class Tile {
 public:
  Tile(const Kernels& kernels, const Matrix& matrix, const Frame& frame, const Columns& columns,
       double floor2, Count& count)
      : filter_(kernels, matrix, frame, columns),
        floor2_(floor2),
        count_(count),
        near_(kernels.tile_rows) {}

  int64_t rows() const { return filter_.rows(); }

  // Appends the near pairs of rows `at` to `at` + n.
  void compare(int64_t at, int n, std::vector<Pair>* out) {
    filter_.load(at, n);
    filter_.set_limit(floor2_);
    for (int r = 0; r < n; ++r) near_[r].clear();
    filter_.scan([&](int r, int64_t column, uint32_t bits) { verify(at + r, r, column, bits); },
                 [&] { return !count_.full(); });
    if (count_.full()) return;
    for (int r = 0; r < n; ++r) out->insert(out->end(), near_[r].begin(), near_[r].end());
  }

 private:
  // Computes the distances of row i, row r of the tile, to those of a panel's columns that the
  // filter left.
  void verify(int64_t i, int r, int64_t column, uint32_t bits) {
    int64_t added = 0;
    for (; bits; bits &= bits - 1) {
      const int64_t j = column + __builtin_ctz(bits);
      if (j <= i) continue;
      const double distance2 = filter_.distance2(r, j);
      if (distance2 > floor2_) continue;
      near_[r].push_back({i, j, distance2});
      ++added;
    }
    if (added) count_.pairs.fetch_add(added, std::memory_order_relaxed);
  }

  PairFilter filter_;
  const double floor2_;
  Count& count_;
  std::vector<std::vector<Pair>> near_;
};

}  // namespace

bool near_rows(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
               int64_t end, int64_t columns_begin, int64_t columns_end, double floor2, int64_t most,
               int threads, NearRows* found) {
  end = std::min(end, columns_end - 1);
  columns_begin = std::max(columns_begin, begin + 1);
  if (begin >= end || columns_begin >= columns_end) return true;

  const Columns columns(kernels, matrix, frame, columns_begin, columns_end);
  Count count{most};
  const double pairs =
      static_cast<double>(end - begin) * static_cast<double>(columns_end - columns_begin);
  threads = useful_threads(pairs * static_cast<double>(matrix.d), threads);
  const int64_t step = 8 * kernels.tile_rows;
  std::vector<std::vector<Pair>> blocks((end - begin + step - 1) / step);
  in_parallel(begin, end, step, threads, [&](Share& share) {
    Tile tile(kernels, matrix, frame, columns, floor2, count);
    for (const auto [from, to] : share)
      for (int64_t at = from; at < to && !count.full(); at += tile.rows())
        tile.compare(at, static_cast<int>(std::min(tile.rows(), to - at)),
                     &blocks[(from - begin) / step]);
  });
  if (count.full()) return false;
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
