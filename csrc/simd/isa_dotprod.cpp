// The dot products of Armv8.2: four products of signed bytes and their sum in one instruction.
// Compiled with its flag; runs only after dispatch.cpp has seen the processor.
#include <arm_neon.h>

#include "simd/loops/constant.h"
#include "simd/loops/neon_codes.h"
#include "simd/tables.h"

namespace pyuniform {
namespace {

constexpr int kGroup = 8;

// R rows against eight picks: 2 R accumulators, 2 registers of the panel and R of rows, of which
// four groups of codes are loaded at once. Row bytes are 128 more than their codes.
template <int R>
void eight_code_tile(const uint8_t* rows, int64_t stride, const CodePanel& panel, int64_t groups,
                     const float* row_scale, const float* limit, float* value, uint32_t* below,
                     int shift) {
  int32x4_t low[R], high[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) low[r] = high[r] = vdupq_n_s32(0);
  const int8_t* picks = panel.values + 4 * shift;
  const uint8x16_t sign = vdupq_n_u8(128);
  int64_t g = 0;
  for (; g + 4 <= groups; g += 4) {
    int8x16_t x[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
      x[r] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(rows + r * stride + 4 * g), sign));
    auto add = [&](auto group) __attribute__((always_inline)) {
      constexpr int kGroupOfFour = group;
      const int8x16_t p0 = vld1q_s8(picks), p1 = vld1q_s8(picks + 16);
      picks += 4 * kPanel;
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        low[r] = vdotq_laneq_s32(low[r], p0, x[r], kGroupOfFour);
        high[r] = vdotq_laneq_s32(high[r], p1, x[r], kGroupOfFour);
      }
    };
    add(Constant<0>());
    add(Constant<1>());
    add(Constant<2>());
    add(Constant<3>());
  }
  for (; g < groups; ++g, picks += 4 * kPanel) {
    const int8x16_t p0 = vld1q_s8(picks), p1 = vld1q_s8(picks + 16);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      uint32_t four;
      __builtin_memcpy(&four, rows + r * stride + 4 * g, sizeof four);
      const int8x16_t x = vreinterpretq_s8_u32(vdupq_n_u32(four ^ 0x80808080u));
      low[r] = vdotq_s32(low[r], p0, x);
      high[r] = vdotq_s32(high[r], p1, x);
    }
  }
  put_products<R>(low, high, panel, shift, row_scale, limit, value, below);
}

}  // namespace

void code_tile_dotprod(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel,
                       int64_t groups, const float* row_scale, const float* limit, float* value,
                       uint32_t* below) {
  for (int r = 0; r < kNeonRows; ++r) below[r] = 0;
  for (int shift = 0; shift < kPanel; shift += kEight) {
    if (eight_empty(panel.half + shift)) continue;
    for (int r = 0; r < n; r += kGroup) {
      auto* part = n - r > 4   ? eight_code_tile<8>
                   : n - r > 2 ? eight_code_tile<4>
                               : eight_code_tile<2>;
      part(rows + r * stride, stride, panel, groups, row_scale + r, limit + r, value + r * kPanel,
           below + r, shift);
    }
  }
}

}  // namespace pyuniform
