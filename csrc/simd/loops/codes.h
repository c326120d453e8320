// Rows into codes, and products of single codes.
#pragma once

#include "simd/kernels.h"

namespace pyuniform {
namespace {

using Eight = float __attribute__((vector_size(32)));

inline float segment_norm(const float* x, int64_t d) {
  float largest = 0;
  for (int64_t begin = 0; begin < d; begin += kSegment) {
    const int64_t end = begin + kSegment < d ? begin + kSegment : d;
    Eight sum = {};
    for (int64_t j = begin; j < end; j += 8) {
      Eight value = {};
      if (j + 8 <= end)
        __builtin_memcpy(&value, x + j, sizeof value);  // of a size the compiler knows
      else
        __builtin_memcpy(&value, x + j, (end - j) * sizeof(float));
      sum += value * value;
    }
    const float first = (sum[0] + sum[4]) + (sum[1] + sum[5]);
    const float second = (sum[2] + sum[6]) + (sum[3] + sum[7]);
    largest = first > largest ? first : largest;
    largest = second > largest ? second : largest;
  }
  return __builtin_sqrtf(largest);
}

inline float encode(const float* x, int64_t d, int levels, float least_scale, int8_t* code,
                    double* rest2, double* norm2) {
  float largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t j = 0; j < d; ++j) {
    const float magnitude = x[j] < 0 ? -x[j] : x[j];
    largest = magnitude > largest ? magnitude : largest;
  }
  // No smaller: 1 / scale, and what it is multiplied by, must stay far from overflow.
  const float fitting = largest / static_cast<float>(levels);
  float scale = fitting > least_scale ? fitting : least_scale;
  scale = scale > 0x1p-50f ? scale : 0x1p-50f;
  const float inverse = 1 / scale;
  // Adding 1.5 * 2^23 rounds to an integer.
  auto rounded = [&](int64_t j) { return (x[j] * inverse + 0x1.8p23f) - 0x1.8p23f; };
  if (!rest2) {
#pragma omp simd
    for (int64_t j = 0; j < d; ++j) code[j] = static_cast<int8_t>(static_cast<int32_t>(rounded(j)));
    return scale;
  }
  double rest = 0;
  int64_t squares = 0;
#pragma omp simd reduction(+ : rest, squares)
  for (int64_t j = 0; j < d; ++j) {
    const float whole = rounded(j);
    const int32_t integer = static_cast<int32_t>(whole);
    code[j] = static_cast<int8_t>(integer);
    squares += integer * integer;
    const double left = static_cast<double>(x[j]) - static_cast<double>(scale) * whole;
    rest += left * left;
  }
  *rest2 = rest;
  *norm2 = static_cast<double>(scale) * scale * static_cast<double>(squares);
  return scale;
}

template <typename Loops>
void products(const uint8_t* x, const int8_t* y, int64_t d, uint32_t bits, int32_t* out) {
  constexpr void (*loops[])(const uint8_t*, const int8_t*, uint32_t, int32_t*) = {

      Loops::template products<0>, Loops::template products<2>, Loops::template products<4>,
      Loops::template products<6>};
  static_assert(kMostOtherColumns == 3 * kPanel);
  loops[d / kPanel](x, y, bits, out);
}

}  // namespace
}  // namespace pyuniform
