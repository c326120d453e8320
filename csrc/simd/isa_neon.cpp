// NEON, which every 64-bit Arm processor has.
#include <arm_neon.h>

#include "simd/loops/constant.h"
#include "simd/loops/kernels_of.h"
#include "simd/loops/neon_codes.h"
#include "simd/tables.h"

namespace pyuniform {
namespace {

inline float64x2_t load2(const double* x) { return vld1q_f64(x); }
inline float64x2_t load2(const float* x) { return vcvt_f64_f32(vld1_f32(x)); }

// A row's bytes are 128 more than its codes.
inline int8x16_t codes_of(uint8x16_t bytes) {
  return vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(128)));
}

struct Neon : Portable {
  static void widen_f16(const uint16_t* x, int64_t d, double* out) {
    int64_t j = 0;
    for (; j + 4 <= d; j += 4) {
      const float32x4_t four = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x + j)));
      vst1q_f64(out + j, vcvt_f64_f32(vget_low_f32(four)));
      vst1q_f64(out + j + 2, vcvt_high_f64_f32(four));
    }
    Portable::widen_f16(x + j, d - j, out + j);
  }

  template <typename T>
  static double distance2(const T* x, const T* y, int64_t d) {
    float64x2_t sum[kLanes / 2];
    for (float64x2_t& two : sum) two = vdupq_n_f64(0);
    auto add = [&](const T* a, const T* b) {
#pragma GCC unroll 8
      for (int l = 0; l < kLanes / 2; ++l) {
        const float64x2_t difference = vsubq_f64(load2(a + 2 * l), load2(b + 2 * l));
        sum[l] = vaddq_f64(sum[l], vmulq_f64(difference, difference));
      }
    };
    int64_t j = 0;
    for (; j + kLanes <= d; j += kLanes) add(x + j, y + j);
    if (j < d) add(Tail<T>(x + j, d - j).values, Tail<T>(y + j, d - j).values);
#pragma GCC unroll 3
    for (int half = kLanes / 4; half > 0; half /= 2)
#pragma GCC unroll 4
      for (int l = 0; l < half; ++l) sum[l] = vaddq_f64(sum[l], sum[l + half]);
    return vgetq_lane_f64(sum[0], 0) + vgetq_lane_f64(sum[0], 1);
  }

  // For d = 16 * Groups columns, which the compiler keeps in registers. Two products fit into 16
  // bits.
  template <int Groups>
  static void products(const uint8_t* x, const int8_t* y, uint32_t bits, int32_t* out) {
    constexpr int64_t d = 16 * Groups;
    int8x16_t row[Groups + 1];
    for (int g = 0; g < Groups; ++g) row[g] = codes_of(vld1q_u8(x + 16 * g));
    for (; bits; bits &= bits - 1) {
      const int c = __builtin_ctz(bits);
      int32x4_t four = vdupq_n_s32(0);
      for (int g = 0; g < Groups; ++g) {
        const int8x16_t pick = vld1q_s8(y + c * d + 16 * g);
        const int16x8_t low = vmull_s8(vget_low_s8(row[g]), vget_low_s8(pick));
        four = vpadalq_s16(four, vmlal_high_s8(low, row[g], pick));
      }
      out[c] = vaddvq_s32(four);
    }
  }
};

constexpr int kGroup = 8, kCodeGroup = 4;

// R rows against eight picks: 2 R accumulators, 2 registers of the panel and R of rows, of which
// four columns are loaded at once.
template <int R>
void eight_tile(const float* rows, int64_t stride, const float* panel, const float* half, int64_t d,
                const float* limit, float* value, uint32_t* below, int shift) {
  float32x4_t low[R], high[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) low[r] = high[r] = vdupq_n_f32(0);
  int64_t j = 0;
  for (; j + 4 <= d; j += 4) {
    float32x4_t x[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) x[r] = vld1q_f32(rows + r * stride + j);
    auto add = [&](auto column) __attribute__((always_inline)) {
      constexpr int kColumn = column;
      const float* picks = panel + (j + kColumn) * kEight;
      const float32x4_t p0 = vld1q_f32(picks), p1 = vld1q_f32(picks + 4);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        low[r] = vfmaq_laneq_f32(low[r], p0, x[r], kColumn);
        high[r] = vfmaq_laneq_f32(high[r], p1, x[r], kColumn);
      }
    };
    add(Constant<0>());
    add(Constant<1>());
    add(Constant<2>());
    add(Constant<3>());
  }
  for (; j < d; ++j) {
    const float32x4_t p0 = vld1q_f32(panel + j * kEight), p1 = vld1q_f32(panel + j * kEight + 4);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      low[r] = vfmaq_n_f32(low[r], p0, rows[r * stride + j]);
      high[r] = vfmaq_n_f32(high[r], p1, rows[r * stride + j]);
    }
  }
  const float32x4_t h0 = vld1q_f32(half), h1 = vld1q_f32(half + 4);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
    put_eight(vsubq_f32(h0, low[r]), vsubq_f32(h1, high[r]), limit[r], shift, value + r * kPanel,
              below + r);
}

void tile(const float* rows, int64_t stride, int n, const float* panel, const float* half,
          int64_t d, const float* limit, float* value, uint32_t* below, PrefetchHook* hook) {
  for (int r = 0; r < kNeonRows; ++r) below[r] = 0;
  for (int shift = 0; shift < kPanel; shift += kEight) {
    if (eight_empty(half + shift)) continue;
    for (int r = 0; r < n; r += kGroup) {
      if (hook) hook->step();
      auto* part = n - r > 4 ? eight_tile<8> : n - r > 2 ? eight_tile<4> : eight_tile<2>;
      part(rows + r * stride, stride, panel + shift * d, half + shift, d, limit + r,
           value + r * kPanel, below + r, shift);
    }
  }
}

// The products of a row's codes from group g on, one group of four codes or two, and two picks.
template <int Count>
inline __attribute__((always_inline)) int16x8_t pair_products(const int8x8_t (&x)[2],
                                                              const int8_t* picks) {
  const int16x8_t first = vmull_s8(x[0], vld1_s8(picks));
  return Count == 1 ? first : vmlal_s8(first, x[1], vld1_s8(picks + 4 * kPanel));
}

// Of four codes of a row, each twice.
inline int8x8_t four_codes(const uint8_t* row) {
  uint32_t four;
  __builtin_memcpy(&four, row, sizeof four);
  return vreinterpret_s8_u32(vdup_n_u32(four ^ 0x80808080u));
}

// R rows against eight picks, of which a register has the sums of two: of half the codes each.
template <int R>
void eight_code_tile(const uint8_t* rows, int64_t stride, const CodePanel& panel, int64_t groups,
                     const float* row_scale, const float* limit, float* value, uint32_t* below,
                     int shift) {
  int32x4_t sum[R][4];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) sum[r][0] = sum[r][1] = sum[r][2] = sum[r][3] = vdupq_n_s32(0);
  const int8_t* codes = panel.values + 4 * shift;
  auto add = [&](auto count, int64_t g) __attribute__((always_inline)) {
    const int8_t* picks = codes + g * 4 * kPanel;
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const uint8_t* row = rows + r * stride + 4 * g;
      const int8x8_t x[2] = {four_codes(row), four_codes(count == 2 ? row + 4 : row)};
#pragma GCC unroll 4
      for (int p = 0; p < 4; ++p)
        sum[r][p] = vpadalq_s16(sum[r][p], pair_products<count>(x, picks + 8 * p));
    }
  };
  int64_t g = 0;
  for (; g + 2 <= groups; g += 2) add(Constant<2>(), g);
  if (g < groups) add(Constant<1>(), g);
  int32x4_t low[R], high[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    low[r] = vpaddq_s32(sum[r][0], sum[r][1]);
    high[r] = vpaddq_s32(sum[r][2], sum[r][3]);
  }
  put_products<R>(low, high, panel, shift, row_scale, limit, value, below);
}

void code_tile(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel, int64_t groups,
               const float* row_scale, const float* limit, float* value, uint32_t* below) {
  for (int r = 0; r < kNeonRows; ++r) below[r] = 0;
  for (int shift = 0; shift < kPanel; shift += kEight) {
    if (eight_empty(panel.half + shift)) continue;
    for (int r = 0; r < n; r += kCodeGroup) {
      auto* part = n - r > 2 ? eight_code_tile<4> : eight_code_tile<2>;
      part(rows + r * stride, stride, panel, groups, row_scale + r, limit + r, value + r * kPanel,
           below + r, shift);
    }
  }
}

constexpr FloatTile kTile = {kNeonRows, kEight, tile};

}  // namespace

constexpr Kernels kernels_neon =
    kernels_of<Neon>("neon", kTile, {kAnyCodes, kAnyCodes, code_tile, code_tile});

constexpr Kernels kernels_dotprod = kernels_of<Neon>(
    "neon-dotprod", kTile, {kAnyCodes, kAnyCodes, code_tile_dotprod, code_tile_dotprod});

}  // namespace pyuniform
