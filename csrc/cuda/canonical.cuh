// The canonical squared distance on a CUDA device: float64, in the one summation order (core.h),
// every operation rounded by itself.
#pragma once

namespace pyuniform {

constexpr unsigned kWholeWarp = 0xffffffffu;

__device__ inline double square_of_difference(double x, double y) {
  const double difference = __dsub_rn(x, y);
  return __dmul_rn(difference, difference);
}

// A float as a double, exact. A conversion flushes what is below float's normal range to zero where
// the compiler was asked for that; the integer that such numbers are a multiple of survives it.
__device__ inline double widen(float x) {
  const int bits = __float_as_int(x), magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x00800000) return static_cast<double>(x);
  const double small = __dmul_rn(magnitude, 0x1p-149);
  return bits < 0 ? -small : small;
}

// Of two rows of `width` values, by all lanes of a warp, which all get it. A row is read 32 values
// at a time, two terms of each of the sixteen partial sums; each lane computes one of the two, and
// both halves of the warp add both. kDepth loads of each row are under way at once. What the last
// step lacks is replaced by zeros, which change no partial sum.
template <int kDepth>
__device__ inline double warp_distance2(const double* x, const double* y, int width) {
  const int lane = threadIdx.x % 32;
  double sum = 0;
  for (int begin = lane; begin - lane < width; begin += 32 * kDepth) {
    double term[kDepth];
#pragma unroll
    for (int i = 0; i < kDepth; ++i) {
      const int j = begin + 32 * i;
      term[i] = j < width ? square_of_difference(x[j], y[j]) : 0.0;
    }
#pragma unroll
    for (int i = 0; i < kDepth; ++i) {
      const double other = __shfl_xor_sync(kWholeWarp, term[i], 16);
      sum = __dadd_rn(sum, lane < 16 ? term[i] : other);
      sum = __dadd_rn(sum, lane < 16 ? other : term[i]);
    }
  }
  // Sums of equal terms in either order are equal: no lane need be told the result.
#pragma unroll
  for (int half = 8; half > 0; half /= 2)
    sum = __dadd_rn(sum, __shfl_xor_sync(kWholeWarp, sum, half));
  return sum;
}

// Of two points of kDim <= 8 values, by one thread: each partial sum has one term at most.
template <int kDim>
__device__ inline double point_distance2(const float* x, const float* y) {
  static_assert(kDim <= 8, "the fold begins with eight partial sums");
  double sum[8];
#pragma unroll
  for (int j = 0; j < 8; ++j)
    sum[j] = j < kDim ? square_of_difference(widen(x[j]), widen(y[j])) : 0.0;
#pragma unroll
  for (int half = 4; half > 0; half /= 2)
#pragma unroll
    for (int j = 0; j < half; ++j)
      if (j + half < kDim) sum[j] = __dadd_rn(sum[j], sum[j + half]);
  return sum[0];
}

}  // namespace pyuniform
