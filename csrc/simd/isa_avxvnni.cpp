// AVX-VNNI: four products of bytes and their sum in one instruction, as AVX-512 VNNI has it, for
// processors that have only 256 bits. Compiled with AVX2's flags; runs only after dispatch.cpp has
// seen the processor.
#include "simd/loops/avx2_codes.h"
#include "simd/tables.h"

#ifdef PYUNIFORM_AVXVNNI

// Older compilers know no flag for it, so that functions have it one by one.
#ifdef PYUNIFORM_EMULATE_AVX512
#define AVXVNNI
#else
#define AVXVNNI __attribute__((target("avxvnni")))
#endif

namespace pyuniform {
namespace {

constexpr int kGroup = 6;

// R rows against half a panel: 2 R accumulators, 2 registers of the panel and 1 of a row.
template <int R, int kShift>
AVXVNNI void half_code_tile(const uint8_t* rows, int64_t stride, const CodePanel& panel,
                            int64_t groups, const float* row_scale, const float* limit,
                            float* value, uint32_t* below) {
  __m256i low[R], high[R];
  // Row bytes are 128 more than their codes, which the offset takes back.
  const __m256i* const offset = reinterpret_cast<const __m256i*>(panel.offset + kShift);
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) {
    low[r] = _mm256_loadu_si256(offset);
    high[r] = _mm256_loadu_si256(offset + 1);
  }
  const int8_t* codes = panel.values + 4 * kShift;
  for (int64_t g = 0; g < groups; ++g, codes += 4 * kPanel) {
    const __m256i* const picks = reinterpret_cast<const __m256i*>(codes);
    const __m256i p0 = _mm256_loadu_si256(picks), p1 = _mm256_loadu_si256(picks + 1);
#pragma GCC unroll 6
    for (int r = 0; r < R; ++r) {
      int32_t four;
      __builtin_memcpy(&four, rows + r * stride + 4 * g, sizeof four);
      const __m256i x = _mm256_set1_epi32(four);
      low[r] = _mm256_dpbusd_avx_epi32(low[r], x, p0);
      high[r] = _mm256_dpbusd_avx_epi32(high[r], x, p1);
    }
  }
  half_values<R, kShift>(low, high, panel, row_scale, limit, value, below);
}

template <int kShift>
void half_code_tiles(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel,
                     int64_t groups, const float* row_scale, const float* limit, float* value,
                     uint32_t* below) {
  for (int r = 0; r < n; r += kGroup) {
    auto* part = n - r > 4   ? half_code_tile<6, kShift>
                 : n - r > 2 ? half_code_tile<4, kShift>
                             : half_code_tile<2, kShift>;
    part(rows + r * stride, stride, panel, groups, row_scale + r, limit + r, value + r * kPanel,
         below + r);
  }
}

}  // namespace

void code_tile_avxvnni(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel,
                       int64_t groups, const float* row_scale, const float* limit, float* value,
                       uint32_t* below) {
  half_code_tiles<0>(rows, stride, n, panel, groups, row_scale, limit, value, below);
  if (!half_empty(panel.half))
    half_code_tiles<kHalfPanel>(rows, stride, n, panel, groups, row_scale, limit, value, below);
}

}  // namespace pyuniform

#endif
