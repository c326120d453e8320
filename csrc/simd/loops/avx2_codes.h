// What the code tiles of AVX2 and AVX-VNNI share: half a panel of 16 picks at a time.
#pragma once

#include <immintrin.h>

#include "simd/code_panel.h"

namespace pyuniform {
namespace {

constexpr int kHalfPanel = 16;

// Whether nothing in the second half of a panel, of which these are the halves of norms, can be
// below a limit.
inline bool half_empty(const float* half) {
  const __m256 infinite = _mm256_set1_ps(__builtin_inff());
  const __m256 low = _mm256_cmp_ps(_mm256_loadu_ps(half + kHalfPanel), infinite, _CMP_EQ_OQ);
  const __m256 high = _mm256_cmp_ps(_mm256_loadu_ps(half + kHalfPanel + 8), infinite, _CMP_EQ_OQ);
  return _mm256_movemask_ps(_mm256_and_ps(low, high)) == 0xff;
}

// Bit c says whether value c of the 16 is below `bound`.
inline uint32_t bits_below(__m256 low, __m256 high, __m256 bound) {
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(low, bound, _CMP_LT_OQ)) |
                               _mm256_movemask_ps(_mm256_cmp_ps(high, bound, _CMP_LT_OQ)) << 8);
}

// The values of R rows and the half panel from pick kShift on, from the products of their codes.
template <int R, int kShift>
inline __attribute__((always_inline)) void half_values(const __m256i (&low)[R],
                                                       const __m256i (&high)[R],
                                                       const CodePanel& panel,
                                                       const float* row_scale, const float* limit,
                                                       float* value, uint32_t* below) {
  const __m256 s0 = _mm256_loadu_ps(panel.scale + kShift);
  const __m256 s1 = _mm256_loadu_ps(panel.scale + kShift + 8);
  const __m256 h0 = _mm256_loadu_ps(panel.half + kShift);
  const __m256 h1 = _mm256_loadu_ps(panel.half + kShift + 8);
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
    const __m256 scale = _mm256_broadcast_ss(row_scale + r), bound = _mm256_broadcast_ss(limit + r);
    const __m256 v0 = _mm256_fnmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(low[r]), s0), scale, h0);
    const __m256 v1 = _mm256_fnmadd_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(high[r]), s1), scale, h1);
    _mm256_storeu_ps(value + r * kPanel + kShift, v0);
    _mm256_storeu_ps(value + r * kPanel + kShift + 8, v1);
    const uint32_t bits = bits_below(v0, v1, bound);
    // The first half's 32 bits, or the upper ones of what it left there.
    __builtin_memcpy(reinterpret_cast<char*>(below + r) + kShift / 8, &bits, 4 - kShift / 8);
  }
}

}  // namespace
}  // namespace pyuniform
