// AVX-512F. Compiled with its flag; runs only after dispatch.cpp has seen the processor.
#include <immintrin.h>

#include "simd/loops/avx2.h"
#include "simd/loops/kernels_of.h"
#include "simd/tables.h"

namespace pyuniform {
namespace {

inline __m512d load8(const double* x) { return _mm512_loadu_pd(x); }
inline __m512d load8(const float* x) { return _mm512_cvtps_pd(_mm256_loadu_ps(x)); }

struct Avx512 : WithAvx2 {
  static void widen_f16(const uint16_t* x, int64_t d, double* out) {
    int64_t j = 0;
    for (; j + 8 <= d; j += 8) {
      const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + j));
      _mm512_storeu_pd(out + j, _mm512_cvtps_pd(_mm256_cvtph_ps(bits)));
    }
    for (; j < d; ++j) out[j] = _cvtsh_ss(x[j]);
  }

  // Independent sums, since one would wait for the adder.
  static double sum_squares(const float* x, int64_t d) {
    __m512d s0 = _mm512_setzero_pd(), s1 = s0, s2 = s0, s3 = s0;
    int64_t j = 0;
    for (; j + 32 <= d; j += 32) {
      const __m512d x0 = _mm512_cvtps_pd(_mm256_loadu_ps(x + j));
      const __m512d x1 = _mm512_cvtps_pd(_mm256_loadu_ps(x + j + 8));
      const __m512d x2 = _mm512_cvtps_pd(_mm256_loadu_ps(x + j + 16));
      const __m512d x3 = _mm512_cvtps_pd(_mm256_loadu_ps(x + j + 24));
      s0 = _mm512_fmadd_pd(x0, x0, s0);
      s1 = _mm512_fmadd_pd(x1, x1, s1);
      s2 = _mm512_fmadd_pd(x2, x2, s2);
      s3 = _mm512_fmadd_pd(x3, x3, s3);
    }
    double rest = 0;
    for (; j < d; ++j) rest += static_cast<double>(x[j]) * x[j];
    return rest + _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(s0, s1), _mm512_add_pd(s2, s3)));
  }

  template <typename T>
  static double distance2(const T* x, const T* y, int64_t d) {
    __m512d s0 = _mm512_setzero_pd(), s1 = s0;
    auto add = [&](const T* a, const T* b) {
      const __m512d d0 = _mm512_sub_pd(load8(a), load8(b));
      const __m512d d1 = _mm512_sub_pd(load8(a + 8), load8(b + 8));
      s0 = _mm512_add_pd(s0, _mm512_mul_pd(d0, d0));
      s1 = _mm512_add_pd(s1, _mm512_mul_pd(d1, d1));
    };
    int64_t j = 0;
    for (; j + kLanes <= d; j += kLanes) add(x + j, y + j);
    if (j < d) add(Tail<T>(x + j, d - j).values, Tail<T>(y + j, d - j).values);
    const __m512d eight = _mm512_add_pd(s0, s1);
    const __m256d four =
        _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
  }
};

constexpr int kRows = 14;

// R rows against the 32 picks of a panel: 2 R accumulators, 2 panel registers and 1 row value of
// the 32 registers there are.
template <int R>
inline __attribute__((always_inline)) void panel_tile(const float* rows, int64_t stride,
                                                      const float* panel, const float* half,
                                                      int64_t d, const float* limit, float* value,
                                                      uint32_t* below) {
  __m512 low[R], high[R];
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) low[r] = high[r] = _mm512_setzero_ps();
  // Three pointers that move and four offsets that stay. With a pointer for each row the compiler
  // runs out of registers, and fetches some through the port of a multiply-add.
  const float *x0 = rows, *x5 = rows + 5 * stride, *x10 = rows + 10 * stride;
  const float* const end = panel + d * kPanel;
  for (; panel != end; panel += kPanel, ++x0, ++x5, ++x10) {
    asm("" : "+r"(x0), "+r"(x5), "+r"(x10));
    // A panel does not fit into the first-level cache beside the rows; asked for this early, it
    // comes in time from the second.
    _mm_prefetch(reinterpret_cast<const char*>(panel + 8 * kPanel), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(panel + 8 * kPanel + 16), _MM_HINT_T0);
    const __m512 p0 = _mm512_loadu_ps(panel), p1 = _mm512_loadu_ps(panel + 16);
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
      const float* base = r < 5 ? x0 : r < 10 ? x5 : x10;
      const __m512 x = _mm512_set1_ps(base[r % 5 * stride]);
      low[r] = _mm512_fmadd_ps(x, p0, low[r]);
      high[r] = _mm512_fmadd_ps(x, p1, high[r]);
    }
  }
  const __m512 h0 = _mm512_loadu_ps(half), h1 = _mm512_loadu_ps(half + 16);
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
    const __m512 v0 = _mm512_sub_ps(h0, low[r]), v1 = _mm512_sub_ps(h1, high[r]);
    const __m512 bound = _mm512_set1_ps(limit[r]);
    _mm512_storeu_ps(value + r * kPanel, v0);
    _mm512_storeu_ps(value + r * kPanel + 16, v1);
    below[r] = static_cast<uint32_t>(_mm512_cmp_ps_mask(v0, bound, _CMP_LT_OQ)) |
               static_cast<uint32_t>(_mm512_cmp_ps_mask(v1, bound, _CMP_LT_OQ)) << 16;
  }
}

void tile(const float* rows, int64_t stride, int n, const float* panel, const float* half,
          int64_t d, const float* limit, float* value, uint32_t* below, PrefetchHook* hook) {
  if (hook) hook->step();
  if (n > 8) return panel_tile<14>(rows, stride, panel, half, d, limit, value, below);
  if (n > 4) return panel_tile<8>(rows, stride, panel, half, d, limit, value, below);
  panel_tile<4>(rows, stride, panel, half, d, limit, value, below);
}

}  // namespace

constexpr FloatTile kTile = {kRows, 32, tile};

// Codes without VNNI as AVX2 has them: twice the width needs AVX-512BW, and machines that have it,
// but no VNNI, are few.
constexpr Kernels kernels_avx512 = kernels_of<Avx512>(
    "avx512", kTile, {kRowCodesAvx2, kPickCodesAvx2, code_tile_avx2, sketch_tile_avx2});

constexpr Kernels kernels_vnni =
    kernels_of<Avx512>("avx512vnni", kTile, {kAnyCodes, kAnyCodes, code_tile_vnni, code_tile_vnni});

}  // namespace pyuniform
