#include "rows/scan.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <vector>

#include "core/thread_pool.h"

namespace pyuniform {
namespace {

inline uint64_t mix(uint64_t h) {
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93u;
  h ^= h >> 32;
  return h;
}

// A 64-bit fingerprint of a row's bytes and its index; not cryptographic.
uint64_t row_fingerprint(const Kernels& kernels, const char* bytes, int64_t length, int64_t index) {
  const WordSums sums = kernels.sum_words(bytes, length);
  const uint64_t h = mix(static_cast<uint64_t>(index) * kPrime ^ sums.plain);
  return mix(h * kPrime ^ sums.products);
}

// Squared distances of larger values could overflow.
constexpr double kLargest = 0x1p500;

constexpr int64_t kCheckedBytes = int64_t{16} << 10;

}  // namespace

ScanResult scan_rows(const Kernels& kernels, const Matrix& matrix, int64_t begin, int64_t end,
                     int64_t first, int threads, double* norm) {
  const int64_t d = matrix.d, row_bytes = d * item_size(matrix.dtype);
  // Rows that lie side by side are checked together, as many as stay in the first-level cache.
  const int64_t step = matrix.row_stride == row_bytes ? 1 + kCheckedBytes / row_bytes : 1;
  ScanResult all = {0, end, 0};
  std::mutex mutex;
  threads = useful_threads(static_cast<double>((end - begin) * row_bytes), threads);
  in_parallel(begin, end, even_step(end - begin, step, threads), threads, [&](Share& share) {
    std::vector<double> row(padded(d)), origin(padded(d));
    ScanResult mine = {0, end, 0};
    auto read = [&](int64_t i, bool finite) {
      mine.fingerprint += row_fingerprint(kernels, matrix.row(i), row_bytes, first + i);
      if (!finite) {
        const double largest = kernels.largest(matrix.row(i), matrix.dtype, d);
        if (matrix.lenient && matrix.lenient[i] && !(largest <= kLargest)) {
          matrix.blank[i] = true;
        } else if (!std::isfinite(largest)) {
          mine.first_nonfinite = std::min(mine.first_nonfinite, i);
          return;
        }
        if (!matrix.is_blank(i)) mine.max_abs = std::max(mine.max_abs, largest);
      }
      if (!norm) return;
      kernels.widen(matrix.is_blank(i) ? matrix.zeros : matrix.row(i), matrix.dtype, d, row.data());
      norm[i - begin] = std::sqrt(kernels.distance2(row.data(), origin.data(), padded(d)));
    };
    for (const auto [from, to] : share) {
      for (int64_t at = from; at < to; at += step) {
        const int64_t count = std::min(step, to - at);
        const double largest = kernels.largest(matrix.row(at), matrix.dtype, count * d);
        const bool finite = std::isfinite(largest) && (!matrix.lenient || largest <= kLargest);
        if (finite) mine.max_abs = std::max(mine.max_abs, largest);
        for (int64_t i = at; i < at + count; ++i) read(i, finite);
      }
    }
    std::lock_guard<std::mutex> lock(mutex);
    all.max_abs = std::max(all.max_abs, mine.max_abs);
    all.first_nonfinite = std::min(all.first_nonfinite, mine.first_nonfinite);
    all.fingerprint += mine.fingerprint;
  });
  if (all.first_nonfinite == end) all.first_nonfinite = -1;
  return all;
}

void fingerprint_rows(const Kernels& kernels, const Matrix& matrix, int64_t begin, int64_t end,
                      int threads, uint64_t* out) {
  const int64_t row_bytes = matrix.d * item_size(matrix.dtype);
  threads = useful_threads(static_cast<double>((end - begin) * row_bytes), threads);
  in_parallel(begin, end, even_step(end - begin, 1, threads), threads, [&](Share& share) {
    for (const auto [from, to] : share)
      for (int64_t i = from; i < to; ++i)
        out[i - begin] = row_fingerprint(kernels, matrix.row(i), row_bytes, 0);
  });
}

}  // namespace pyuniform
