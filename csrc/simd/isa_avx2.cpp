// AVX2 + FMA + F16C. Compiled with those flags; runs only after dispatch.cpp has seen the
// processor.
#include <immintrin.h>

#include "simd/loops/avx2.h"
#include "simd/loops/avx2_codes.h"
#include "simd/loops/constant.h"
#include "simd/loops/kernels_of.h"
#include "simd/tables.h"

namespace pyuniform {
namespace {

inline __m256d load4(const double* x) { return _mm256_loadu_pd(x); }
inline __m256d load4(const float* x) { return _mm256_cvtps_pd(_mm_loadu_ps(x)); }

struct Avx2 : WithAvx2 {
  static void widen_f16(const uint16_t* x, int64_t d, double* out) {
    int64_t j = 0;
    for (; j + 4 <= d; j += 4) {
      const __m128i bits = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x + j));
      _mm256_storeu_pd(out + j, _mm256_cvtps_pd(_mm_cvtph_ps(bits)));
    }
    for (; j < d; ++j) out[j] = _cvtsh_ss(x[j]);
  }

  // Independent sums, since one would wait for the adder.
  static double sum_squares(const float* x, int64_t d) {
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

  template <typename T>
  static double distance2(const T* x, const T* y, int64_t d) {
    __m256d s0 = _mm256_setzero_pd(), s1 = s0, s2 = s0, s3 = s0;
    auto add = [&](const T* a, const T* b) {
      const __m256d d0 = _mm256_sub_pd(load4(a), load4(b));
      const __m256d d1 = _mm256_sub_pd(load4(a + 4), load4(b + 4));
      const __m256d d2 = _mm256_sub_pd(load4(a + 8), load4(b + 8));
      const __m256d d3 = _mm256_sub_pd(load4(a + 12), load4(b + 12));
      s0 = _mm256_add_pd(s0, _mm256_mul_pd(d0, d0));
      s1 = _mm256_add_pd(s1, _mm256_mul_pd(d1, d1));
      s2 = _mm256_add_pd(s2, _mm256_mul_pd(d2, d2));
      s3 = _mm256_add_pd(s3, _mm256_mul_pd(d3, d3));
    };
    int64_t j = 0;
    for (; j + kLanes <= d; j += kLanes) add(x + j, y + j);
    if (j < d) add(Tail<T>(x + j, d - j).values, Tail<T>(y + j, d - j).values);
    const __m256d eight_low = _mm256_add_pd(s0, s2), eight_high = _mm256_add_pd(s1, s3);
    const __m256d four = _mm256_add_pd(eight_low, eight_high);
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
  }
};

constexpr int kRows = 24, kGroup = 6, kWidth = kHalfPanel;

// R rows against one half panel of 16 picks: 2 R accumulators, named by full unrolling.
template <int R>
void half_tile(const float* rows, int64_t stride, const float* panel, const float* half, int64_t d,
               const float* limit, float* value, uint32_t* below, int shift) {
  __m256 low[R], high[R];
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) low[r] = high[r] = _mm256_setzero_ps();
  for (int64_t j = 0; j < d; ++j) {
    const __m256 p0 = _mm256_loadu_ps(panel + j * kWidth);
    const __m256 p1 = _mm256_loadu_ps(panel + j * kWidth + 8);
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
    const uint32_t bits = bits_below(v0, v1, bound);
    below[r] = shift ? below[r] | bits << 16 : bits;
  }
}

// Half a panel fits into the first-level cache, and serves several groups of rows before the other.
void tile(const float* rows, int64_t stride, int n, const float* panel, const float* half,
          int64_t d, const float* limit, float* value, uint32_t* below, PrefetchHook* hook) {
  const int end = half_empty(half) ? kWidth : kPanel;
  for (int shift = 0; shift < end; shift += kWidth) {
    for (int r = 0; r < n; r += kGroup) {
      if (hook) hook->step();
      auto* part = n - r > 4 ? half_tile<6> : n - r > 2 ? half_tile<4> : half_tile<2>;
      part(rows + r * stride, stride, panel + shift * d, half + shift, d, limit + r,
           value + r * kPanel + shift, below + r, shift);
    }
  }
}

// Four bytes of a row, wherever they are.
struct Four {
  uint8_t bytes[4];
};

// Products of R rows and half a panel over one segment, the groups of columns from `begin` to
// `end`: added in 16 bits, to `offset`.
template <int R>
inline __attribute__((always_inline)) void segment_sums(const uint8_t* rows, int64_t stride,
                                                        const int8_t*& codes, int64_t begin,
                                                        int64_t end, const uint16_t* offset,
                                                        __m256i (&low)[R], __m256i (&high)[R]) {
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
    low[r] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(offset));
    high[r] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(offset) + 1);
  }
  for (int64_t g = begin; g < end; ++g, codes += 4 * kPanel) {
    const __m256i* picks = reinterpret_cast<const __m256i*>(codes);
    const __m256i p0 = _mm256_loadu_si256(picks), p1 = _mm256_loadu_si256(picks + 1);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      // One row after the other, and both products before the sums: compilers take all products
      // first, and run out of registers.
      __m256i x0, x1;
      asm volatile("vpbroadcastd %4, %1\n\tvpmaddubsw %2, %1, %0\n\tvpmaddubsw %3, %1, %1"
                   : "=&x"(x0), "=&x"(x1)
                   : "x"(p0), "x"(p1),
                     "m"(*reinterpret_cast<const Four*>(rows + r * stride + 4 * g)));
      asm volatile("vpaddw %1, %0, %0" : "+x"(low[r]) : "x"(x0));
      asm volatile("vpaddw %1, %0, %0" : "+x"(high[r]) : "x"(x1));
    }
  }
}

// As half_tile, for codes. Sums over segments wait in memory: registers hold those of the one under
// way.
template <int R, int kShift, bool kSketch>
inline __attribute__((always_inline)) void half_code_tile(const uint8_t* rows, int64_t stride,
                                                          const CodePanel& panel, int64_t groups,
                                                          const float* row_scale,
                                                          const float* limit, float* value,
                                                          uint32_t* below) {
  constexpr int64_t kStep = kSegment / 4;
  const int8_t* codes = panel.values + 4 * kShift;
  const uint16_t* offset = panel.segment_offset + 2 * kShift;
  const __m256i one = _mm256_set1_epi16(1);
  __m256i low[R], high[R], total_low[R], total_high[R];
  for (int64_t begin = 0, end; begin < groups; begin = end, offset += 2 * kPanel) {
    end = kSketch || groups - begin < kStep ? groups : begin + kStep;
    segment_sums<R>(rows, stride, codes, begin, end, offset, low, high);
    if (begin == 0) {
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r) {
        total_low[r] = _mm256_madd_epi16(low[r], one);
        total_high[r] = _mm256_madd_epi16(high[r], one);
      }
    } else {
#pragma GCC unroll 6
      for (int r = 0; r < R; ++r) {
        total_low[r] = _mm256_add_epi32(total_low[r], _mm256_madd_epi16(low[r], one));
        total_high[r] = _mm256_add_epi32(total_high[r], _mm256_madd_epi16(high[r], one));
      }
    }
    if (kSketch) break;
    asm volatile("" : : : "memory");  // or compilers keep totals in registers that sums want
  }
  half_values<R, kShift>(total_low, total_high, panel, row_scale, limit, value, below);
}

template <int kShift, bool kSketch>
inline __attribute__((always_inline)) void half_code_tiles(const uint8_t* rows, int64_t stride,
                                                           int n, const CodePanel& panel,
                                                           int64_t groups, const float* row_scale,
                                                           const float* limit, float* value,
                                                           uint32_t* below) {
  auto part = [&](auto count, int r) __attribute__((always_inline)) {
    half_code_tile<count, kShift, kSketch>(rows + r * stride, stride, panel, groups, row_scale + r,
                                           limit + r, value + r * kPanel, below + r);
  };
  int r = 0;
  for (; n - r > 4; r += kGroup) part(Constant<6>(), r);
  if (n - r > 2)
    part(Constant<4>(), r);
  else if (n > r)
    part(Constant<2>(), r);
}

template <bool kSketch>
void any_code_tile(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel,
                   int64_t groups, const float* row_scale, const float* limit, float* value,
                   uint32_t* below) {
  half_code_tiles<0, kSketch>(rows, stride, n, panel, groups, row_scale, limit, value, below);
  if (!half_empty(panel.half))
    half_code_tiles<kWidth, kSketch>(rows, stride, n, panel, groups, row_scale, limit, value,
                                     below);
}

}  // namespace

void code_tile_avx2(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel,
                    int64_t groups, const float* row_scale, const float* limit, float* value,
                    uint32_t* below) {
  any_code_tile<false>(rows, stride, n, panel, groups, row_scale, limit, value, below);
}

void sketch_tile_avx2(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel,
                      int64_t groups, const float* row_scale, const float* limit, float* value,
                      uint32_t* below) {
  any_code_tile<true>(rows, stride, n, panel, groups, row_scale, limit, value, below);
}

constexpr FloatTile kTile = {kRows, kWidth, tile};

constexpr Kernels kernels_avx2 = kernels_of<Avx2>(
    "avx2", kTile, {kRowCodesAvx2, kPickCodesAvx2, code_tile_avx2, sketch_tile_avx2});

#ifdef PYUNIFORM_AVXVNNI
constexpr Kernels kernels_avxvnni = kernels_of<Avx2>(
    "avxvnni", kTile, {kAnyCodes, kAnyCodes, code_tile_avxvnni, code_tile_avxvnni});
#endif

}  // namespace pyuniform
