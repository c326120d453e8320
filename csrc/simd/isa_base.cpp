// Plain C++: builds and gives the same answers on any architecture.
#include "simd/loops/kernels_of.h"
#include "simd/tables.h"

namespace pyuniform {
namespace {

// The smallest vector there is nearly everywhere; compilers split it where it is not.
typedef float Vector __attribute__((vector_size(16)));
constexpr int kWidth = 4;

Vector load(const float* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

constexpr int kRows = 4;
constexpr int kColumns = 2 * kWidth;

void tile(const float* rows, int64_t stride, int n, const float* panel, const float* half,
          int64_t d, const float* limit, float* value, uint32_t* below, PrefetchHook* hook) {
  for (int c = 0; c < kPanel; c += kColumns) {
    if (hook) hook->step();
    Vector low[kRows] = {}, high[kRows] = {};
    for (int64_t j = 0; j < d; ++j) {
      const Vector p0 = load(panel + j * kPanel + c), p1 = load(panel + j * kPanel + c + kWidth);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const float x = rows[r * stride + j];
        low[r] += x * p0;
        high[r] += x * p1;
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      if (r >= n) break;
      low[r] = load(half + c) - low[r];
      high[r] = load(half + c + kWidth) - high[r];
      __builtin_memcpy(value + r * kPanel + c, &low[r], sizeof(Vector));
      __builtin_memcpy(value + r * kPanel + c + kWidth, &high[r], sizeof(Vector));
    }
  }
  for (int r = 0; r < n; ++r) {
    uint32_t bits = 0;
    for (int c = 0; c < kPanel; ++c)
      bits |= static_cast<uint32_t>(value[r * kPanel + c] < limit[r]) << c;
    below[r] = bits;
  }
}

void code_tile(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel, int64_t groups,
               const float* row_scale, const float* limit, float* value, uint32_t* below) {
  for (int r = 0; r < n; ++r) {
    int32_t sum[kPanel];
    for (int c = 0; c < kPanel; ++c) sum[c] = panel.offset[c];
    for (int64_t g = 0; g < groups; ++g) {
      const uint8_t* x = rows + r * stride + 4 * g;
      const int8_t* codes = panel.values + g * 4 * kPanel;
      for (int c = 0; c < kPanel; ++c)
        sum[c] += x[0] * codes[4 * c] + x[1] * codes[4 * c + 1] + x[2] * codes[4 * c + 2] +
                  x[3] * codes[4 * c + 3];
    }
    uint32_t bits = 0;
    for (int c = 0; c < kPanel; ++c) {
      const float product = static_cast<float>(sum[c]) * panel.scale[c];
      value[r * kPanel + c] = panel.half[c] - product * row_scale[r];
      bits |= static_cast<uint32_t>(value[r * kPanel + c] < limit[r]) << c;
    }
    below[r] = bits;
  }
}

}  // namespace

constexpr Kernels kernels_base = kernels_of<Portable>("base", {kRows, kPanel, tile},
                                                      {kAnyCodes, kAnyCodes, code_tile, code_tile});

}  // namespace pyuniform
