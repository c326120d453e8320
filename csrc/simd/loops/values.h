// Values as the user stores them: into float64, into the frame, and their largest magnitude.
#pragma once

#include "simd/kernels.h"

namespace pyuniform {
namespace {

template <typename T>
void widen_values(const void* source, int64_t d, double* out) {
  const T* x = static_cast<const T*>(source);
  for (int64_t j = 0; j < d; ++j) out[j] = static_cast<double>(x[j]);
}

inline void widen_bf16(const uint16_t* x, int64_t d, double* out) {
  for (int64_t j = 0; j < d; ++j) {
    const uint32_t bits = static_cast<uint32_t>(x[j]) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    out[j] = value;
  }
}

template <typename Loops>
void widen(const void* source, DType dtype, int64_t d, double* out) {
  switch (dtype) {
    case DType::f32:
      return widen_values<float>(source, d, out);
    case DType::f64:
      return widen_values<double>(source, d, out);
    case DType::i8:
      return widen_values<int8_t>(source, d, out);
    case DType::u8:
      return widen_values<uint8_t>(source, d, out);
    case DType::bf16:
      return widen_bf16(static_cast<const uint16_t*>(source), d, out);
    case DType::f16:
      return Loops::widen_f16(static_cast<const uint16_t*>(source), d, out);
  }
}

// The largest pattern of bits without the sign: that of the largest magnitude, or of a value that
// is not finite.
template <typename Bits>
Bits largest_bits(const void* source, int64_t d) {
  const Bits* x = static_cast<const Bits*>(source);
  constexpr Bits magnitude = static_cast<Bits>(~Bits{0}) >> 1;
  Bits largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t j = 0; j < d; ++j) {
    const Bits bits = x[j] & magnitude;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

template <typename T>
double largest_integer(const void* source, int64_t d) {
  const T* x = static_cast<const T*>(source);
  int32_t largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t j = 0; j < d; ++j) {
    const int32_t magnitude = x[j] < 0 ? -static_cast<int32_t>(x[j]) : x[j];
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

template <typename Loops>
double largest(const void* source, DType dtype, int64_t d) {
  double value = 0;
  switch (dtype) {
    case DType::f32: {
      const uint32_t bits = largest_bits<uint32_t>(source, d);
      widen<Loops>(&bits, dtype, 1, &value);
      break;
    }
    case DType::f64: {
      const uint64_t bits = largest_bits<uint64_t>(source, d);
      widen<Loops>(&bits, dtype, 1, &value);
      break;
    }
    case DType::f16:
    case DType::bf16: {
      const uint16_t bits = largest_bits<uint16_t>(source, d);
      widen<Loops>(&bits, dtype, 1, &value);
      break;
    }
    case DType::i8:
      return largest_integer<int8_t>(source, d);
    case DType::u8:
      return largest_integer<uint8_t>(source, d);
  }
  return value;
}

// The product and the difference are Wide.
template <typename Loops, typename Wide, typename T>
double pack_values(const void* source, Wide scale, const float* center, int64_t d, float* out) {
  const T* x = static_cast<const T*>(source);
  for (int64_t j = 0; j < d; ++j)
    out[j] = static_cast<float>(static_cast<Wide>(x[j]) * scale - center[j]);
  return Loops::sum_squares(out, d);
}

// Whether a float32 times this is exact, but for underflow.
inline bool is_power_of_two(double scale) {
  uint64_t bits;
  __builtin_memcpy(&bits, &scale, sizeof bits);
  return bits << 12 == 0 && scale >= 0x1p-126 && scale <= 0x1p127;
}

template <typename Loops>
double pack(const void* source, DType dtype, double scale, const float* center, int64_t d,
            float* out, double* scratch) {
  switch (dtype) {
    case DType::f32:
      if (is_power_of_two(scale))
        return pack_values<Loops, float, float>(source, static_cast<float>(scale), center, d, out);
      return pack_values<Loops, double, float>(source, scale, center, d, out);
    case DType::f64:
      return pack_values<Loops, double, double>(source, scale, center, d, out);
    default:
      break;
  }
  widen<Loops>(source, dtype, d, scratch);
  return pack_values<Loops, double, double>(scratch, scale, center, d, out);
}

}  // namespace
}  // namespace pyuniform
