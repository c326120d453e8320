// Plain C++: builds and gives the same answers on any architecture.
#include "core.h"

namespace pyuniform {
namespace {

double sum_squares(const float* x, int64_t d) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < d; ++j) sum += static_cast<double>(x[j]) * x[j];
  return sum;
}

#include "isa_loops.inl"

double distance2(const double* x, const double* y, int64_t padded_d) {
  double sum[kLanes] = {};
  for (int64_t j = 0; j < padded_d; j += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const double difference = x[j + l] - y[j + l];
      sum[l] += difference * difference;
    }
  }
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
  return sum[0];
}

// The smallest vector there is nearly everywhere; compilers split it where it is not.
typedef float Vector __attribute__((vector_size(16)));
constexpr int kWidth = 4;

Vector load(const float* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

constexpr int kRows = 4;
constexpr int kColumns = 2 * kWidth;

void tile(const float* rows, int64_t stride, int n, const float* panel, const float* half,
          int64_t d, const float* limit, float* value, uint32_t* below) {
  for (int c = 0; c < kPanel; c += kColumns) {
    Vector low[kRows] = {}, high[kRows] = {};
    for (int64_t j = 0; j < d; ++j) {
      const Vector p0 = load(panel + j * kPanel + c), p1 = load(panel + j * kPanel + c + kWidth);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const float x = rows[r * stride + j];
        low[r] += x * p0;
        high[r] += x * p1;
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      if (r >= n) break;
      low[r] = load(half + c) - low[r];
      high[r] = load(half + c + kWidth) - high[r];
      __builtin_memcpy(value + r * kPanel + c, &low[r], sizeof(Vector));
      __builtin_memcpy(value + r * kPanel + c + kWidth, &high[r], sizeof(Vector));
    }
  }
  for (int r = 0; r < n; ++r) {
    uint32_t bits = 0;
    for (int c = 0; c < kPanel; ++c)
      bits |= static_cast<uint32_t>(value[r * kPanel + c] < limit[r]) << c;
    below[r] = bits;
  }
}

}  // namespace

const Kernels kernels_base = {"base", kRows, widen, pack, distance2, tile};

}  // namespace pyuniform
