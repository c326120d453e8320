// What the tiles of NEON and of its dot products share: eight picks at a time.
#pragma once

#include <arm_neon.h>

#include "simd/code_panel.h"

namespace pyuniform {
namespace {

// Rows of a tile, and picks that are compared together: two registers of float32 values.
constexpr int kNeonRows = 16, kEight = 8;

// Whether nothing of eight picks, of which these are the halves of norms, can be below a limit.
inline bool eight_empty(const float* half) {
  return vminvq_f32(vminq_f32(vld1q_f32(half), vld1q_f32(half + 4))) == __builtin_inff();
}

// Stores a row's values of the eight picks from `shift` on, and adds the bits of those below limit.
inline void put_eight(float32x4_t low, float32x4_t high, float limit, int shift, float* value,
                      uint32_t* below) {
  vst1q_f32(value + shift, low);
  vst1q_f32(value + shift + 4, high);
  const float32x4_t bound = vdupq_n_f32(limit);
  const uint16x8_t bit = {1, 2, 4, 8, 16, 32, 64, 128};
  const uint16x8_t is =
      vcombine_u16(vmovn_u32(vcltq_f32(low, bound)), vmovn_u32(vcltq_f32(high, bound)));
  *below |= static_cast<uint32_t>(vaddvq_u16(vandq_u16(is, bit))) << shift;
}

// The values of R rows and eight picks, from the products of their codes.
template <int R>
inline __attribute__((always_inline)) void put_products(const int32x4_t (&low)[R],
                                                        const int32x4_t (&high)[R],
                                                        const CodePanel& panel, int shift,
                                                        const float* row_scale, const float* limit,
                                                        float* value, uint32_t* below) {
  const float32x4_t s0 = vld1q_f32(panel.scale + shift), s1 = vld1q_f32(panel.scale + shift + 4);
  const float32x4_t h0 = vld1q_f32(panel.half + shift), h1 = vld1q_f32(panel.half + shift + 4);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const float32x4_t scale = vdupq_n_f32(row_scale[r]);
    const float32x4_t v0 = vfmsq_f32(h0, vmulq_f32(vcvtq_f32_s32(low[r]), s0), scale);
    const float32x4_t v1 = vfmsq_f32(h1, vmulq_f32(vcvtq_f32_s32(high[r]), s1), scale);
    put_eight(v0, v1, limit[r], shift, value + r * kPanel, below + r);
  }
}

}  // namespace
}  // namespace pyuniform
