#include "scan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace pyuniform {
namespace {

inline uint64_t mix(uint64_t h) {
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93u;
  h ^= h >> 32;
  return h;
}

// A 64-bit fingerprint of a row's bytes and its index; not cryptographic.
uint64_t row_fingerprint(const char* bytes, int64_t length, int64_t index) {
  constexpr uint64_t prime = 0x9e3779b97f4a7c15u;
  uint64_t lane[4] = {1, 2, 3, 4};
  int64_t at = 0;
  for (; at + 32 <= length; at += 32) {
    uint64_t word[4];
    std::memcpy(word, bytes + at, sizeof word);
    for (int l = 0; l < 4; ++l) {
      lane[l] = (lane[l] ^ word[l]) * prime;
      lane[l] ^= lane[l] >> 29;
    }
  }
  uint64_t h = static_cast<uint64_t>(index) * prime;
  for (; at < length; at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + at, std::min<int64_t>(8, length - at));
    h = mix(h ^ word);
  }
  for (uint64_t l : lane) h = mix(h ^ l) * prime;
  return mix(h);
}

}  // namespace

ScanResult scan_rows(const Kernels& kernels, const Matrix& matrix, int64_t begin, int64_t end,
                     int64_t first, int threads, double* norm) {
  const int64_t d = matrix.d, row_bytes = d * item_size(matrix.dtype);
  double max_abs = 0;
  int64_t first_nonfinite = end;
  uint64_t fingerprint = 0;
#pragma omp parallel num_threads(threads) reduction(max : max_abs) \
    reduction(min : first_nonfinite) reduction(+ : fingerprint)
  {
    std::vector<double> row(padded(d)), origin(padded(d));
#pragma omp for schedule(static)
    for (int64_t i = begin; i < end; ++i) {
      const double largest = kernels.largest(matrix.row(i), matrix.dtype, d);
      fingerprint += row_fingerprint(matrix.row(i), row_bytes, first + i);
      if (!std::isfinite(largest)) {
        first_nonfinite = std::min(first_nonfinite, i);
        continue;
      }
      max_abs = std::max(max_abs, largest);
      if (!norm) continue;
      kernels.widen(matrix.row(i), matrix.dtype, d, row.data());
      norm[i - begin] = std::sqrt(kernels.distance2(row.data(), origin.data(), padded(d)));
    }
  }
  return {max_abs, first_nonfinite == end ? -1 : first_nonfinite, fingerprint};
}

}  // namespace pyuniform
