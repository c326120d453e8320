// AVX2 + FMA + F16C. Compiled with those flags; runs only after dispatch.cpp has seen the
// processor.
#include <immintrin.h>

#include "core.h"

namespace pyuniform {
namespace {

#define PYUNIFORM_WIDEN_F16
void widen_f16(const uint16_t* x, int64_t d, double* out) {
  int64_t j = 0;
  for (; j + 4 <= d; j += 4) {
    const __m128i bits = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + j));
    _mm256_storeu_pd(out + j, _mm256_cvtps_pd(_mm_cvtph_ps(bits)));
  }
  for (; j < d; ++j) out[j] = _cvtsh_ss(x[j]);
}

// Independent sums, since one would wait for the adder.
double sum_squares(const float* x, int64_t d) {
  __m256d s0 = _mm256_setzero_pd(), s1 = s0, s2 = s0, s3 = s0;
  int64_t j = 0;
  for (; j + 16 <= d; j += 16) {
    const __m256d x0 = _mm256_cvtps_pd(_mm_loadu_ps(x + j));
    const __m256d x1 = _mm256_cvtps_pd(_mm_loadu_ps(x + j + 4));
    const __m256d x2 = _mm256_cvtps_pd(_mm_loadu_ps(x + j + 8));
    const __m256d x3 = _mm256_cvtps_pd(_mm_loadu_ps(x + j + 12));
    s0 = _mm256_fmadd_pd(x0, x0, s0);
    s1 = _mm256_fmadd_pd(x1, x1, s1);
    s2 = _mm256_fmadd_pd(x2, x2, s2);
    s3 = _mm256_fmadd_pd(x3, x3, s3);
  }
  double sum[4], rest = 0;
  _mm256_storeu_pd(sum, _mm256_add_pd(_mm256_add_pd(s0, s1), _mm256_add_pd(s2, s3)));
  for (; j < d; ++j) rest += static_cast<double>(x[j]) * x[j];
  return rest + ((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

#include "isa_loops.inl"

double distance2(const double* x, const double* y, int64_t padded_d) {
  __m256d s0 = _mm256_setzero_pd(), s1 = s0, s2 = s0, s3 = s0;
  for (int64_t j = 0; j < padded_d; j += kLanes) {
    const __m256d d0 = _mm256_sub_pd(_mm256_loadu_pd(x + j), _mm256_loadu_pd(y + j));
    const __m256d d1 = _mm256_sub_pd(_mm256_loadu_pd(x + j + 4), _mm256_loadu_pd(y + j + 4));
    const __m256d d2 = _mm256_sub_pd(_mm256_loadu_pd(x + j + 8), _mm256_loadu_pd(y + j + 8));
    const __m256d d3 = _mm256_sub_pd(_mm256_loadu_pd(x + j + 12), _mm256_loadu_pd(y + j + 12));
    s0 = _mm256_add_pd(s0, _mm256_mul_pd(d0, d0));
    s1 = _mm256_add_pd(s1, _mm256_mul_pd(d1, d1));
    s2 = _mm256_add_pd(s2, _mm256_mul_pd(d2, d2));
    s3 = _mm256_add_pd(s3, _mm256_mul_pd(d3, d3));
  }
  const __m256d eight_low = _mm256_add_pd(s0, s2), eight_high = _mm256_add_pd(s1, s3);
  const __m256d four = _mm256_add_pd(eight_low, eight_high);
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

constexpr int kRows = 6;

// R rows against one half panel of 16 picks: 2 R accumulators, named by full unrolling.
template <int R>
inline __attribute__((always_inline)) void half_tile(const float* rows, int64_t stride,
                                                     const float* panel, const float* half,
                                                     int64_t d, const float* limit, float* value,
                                                     uint32_t* below, int shift) {
  __m256 low[R], high[R];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) low[r] = high[r] = _mm256_setzero_ps();
  for (int64_t j = 0; j < d; ++j) {
    const __m256 p0 = _mm256_loadu_ps(panel + j * kPanel);
    const __m256 p1 = _mm256_loadu_ps(panel + j * kPanel + 8);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      const __m256 x = _mm256_broadcast_ss(rows + r * stride + j);
      low[r] = _mm256_fmadd_ps(x, p0, low[r]);
      high[r] = _mm256_fmadd_ps(x, p1, high[r]);
    }
  }
  const __m256 h0 = _mm256_loadu_ps(half), h1 = _mm256_loadu_ps(half + 8);
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
    const __m256 v0 = _mm256_sub_ps(h0, low[r]), v1 = _mm256_sub_ps(h1, high[r]);
    const __m256 bound = _mm256_broadcast_ss(limit + r);
    _mm256_storeu_ps(value + r * kPanel, v0);
    _mm256_storeu_ps(value + r * kPanel + 8, v1);
    const uint32_t bits =
        static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(v0, bound, _CMP_LT_OQ)) |
                              _mm256_movemask_ps(_mm256_cmp_ps(v1, bound, _CMP_LT_OQ)) << 8);
    below[r] = shift ? below[r] | bits << 16 : bits;
  }
}

template <int R>
void panel_tile(const float* rows, int64_t stride, const float* panel, const float* half, int64_t d,
                const float* limit, float* value, uint32_t* below) {
  half_tile<R>(rows, stride, panel, half, d, limit, value, below, 0);
  half_tile<R>(rows, stride, panel + 16, half + 16, d, limit, value + 16, below, 1);
}

void tile(const float* rows, int64_t stride, int n, const float* panel, const float* half,
          int64_t d, const float* limit, float* value, uint32_t* below) {
  if (n > 4) return panel_tile<6>(rows, stride, panel, half, d, limit, value, below);
  if (n > 2) return panel_tile<4>(rows, stride, panel, half, d, limit, value, below);
  panel_tile<2>(rows, stride, panel, half, d, limit, value, below);
}

}  // namespace

const Kernels kernels_avx2 = {"avx2", kRows, widen, pack, distance2, tile};

}  // namespace pyuniform
