// AVX-512 VNNI: four products of bytes and their sum in one instruction. Compiled with its flags;
// runs only after dispatch.cpp has seen the processor.
#include <immintrin.h>

#include "simd/tables.h"

namespace pyuniform {
namespace {

inline __m512i broadcast(const uint8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return _mm512_set1_epi32(four);
}

// The shape of the float32 tile in isa_avx512.cpp, and its three moving pointers.
template <int R>
inline __attribute__((always_inline)) void panel_tile(const uint8_t* rows, int64_t stride,
                                                      const CodePanel& panel, int64_t groups,
                                                      const float* row_scale, const float* limit,
                                                      float* value, uint32_t* below) {
  __m512i low[R], high[R];
  // Row bytes are 128 more than their codes, which the offset takes back.
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
    low[r] = _mm512_loadu_si512(panel.offset);
    high[r] = _mm512_loadu_si512(panel.offset + 16);
  }
  const uint8_t *x0 = rows, *x5 = rows + 5 * stride, *x10 = rows + 10 * stride;
  const int8_t *codes = panel.values, *const end = codes + groups * 4 * kPanel;
  for (; codes != end; codes += 4 * kPanel, x0 += 4, x5 += 4, x10 += 4) {
    asm("" : "+r"(x0), "+r"(x5), "+r"(x10));
    const __m512i p0 = _mm512_loadu_si512(codes), p1 = _mm512_loadu_si512(codes + 64);
#pragma GCC unroll 14
    for (int r = 0; r < R; ++r) {
      const __m512i x = broadcast((r < 5 ? x0 : r < 10 ? x5 : x10) + r % 5 * stride);
      low[r] = _mm512_dpbusd_epi32(low[r], x, p0);
      high[r] = _mm512_dpbusd_epi32(high[r], x, p1);
    }
  }
  const __m512 s0 = _mm512_loadu_ps(panel.scale), s1 = _mm512_loadu_ps(panel.scale + 16);
  const __m512 h0 = _mm512_loadu_ps(panel.half), h1 = _mm512_loadu_ps(panel.half + 16);
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) {
    const __m512 scale = _mm512_set1_ps(row_scale[r]), bound = _mm512_set1_ps(limit[r]);
    const __m512 v0 = _mm512_fnmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(low[r]), s0), scale, h0);
    const __m512 v1 = _mm512_fnmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(high[r]), s1), scale, h1);
    _mm512_storeu_ps(value + r * kPanel, v0);
    _mm512_storeu_ps(value + r * kPanel + 16, v1);
    below[r] = static_cast<uint32_t>(_mm512_cmp_ps_mask(v0, bound, _CMP_LT_OQ)) |
               static_cast<uint32_t>(_mm512_cmp_ps_mask(v1, bound, _CMP_LT_OQ)) << 16;
  }
}

}  // namespace

void code_tile_vnni(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel,
                    int64_t groups, const float* row_scale, const float* limit, float* value,
                    uint32_t* below) {
  auto* tile = n > 8 ? panel_tile<14> : n > 4 ? panel_tile<8> : panel_tile<4>;
  tile(rows, stride, panel, groups, row_scale, limit, value, below);
}

}  // namespace pyuniform
