// Loops in plain C++ that instruction sets may have better: a set's own class derives from this
// one, and hides what it replaces.
#pragma once

#include "simd/kernels.h"

namespace pyuniform {
namespace {

// The last values of a row, padded with zeros: rows in memory are not, and what lies behind them
// may not be read.
template <typename T>
struct Tail {
  Tail(const T* x, int64_t count) { __builtin_memcpy(values, x, count * sizeof(T)); }
  T values[kLanes] = {};
};

inline double from_bits(uint64_t bits) {
  double value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

struct Portable {
  static void widen_f16(const uint16_t* x, int64_t d, double* out) {
    for (int64_t j = 0; j < d; ++j) {
      const uint64_t sign = static_cast<uint64_t>(x[j] & 0x8000u) << 48;
      const uint64_t magnitude = x[j] & 0x7fffu;
      // The exponent and mantissa land in a double's fields; the factor 2^(1023 - 15) re-biases the
      // exponent, and turns subnormal halves into normal doubles on the way.
      const double value = magnitude >= 0x7c00u
                               ? from_bits(0x7ff0000000000000u | (magnitude & 0x3ffu) << 42)
                               : from_bits(magnitude << 42) * 0x1p1008;
      uint64_t bits;
      __builtin_memcpy(&bits, &value, sizeof bits);
      out[j] = from_bits(bits | sign);
    }
  }

  static double sum_squares(const float* x, int64_t d) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < d; ++j) sum += static_cast<double>(x[j]) * x[j];
    return sum;
  }

  static WordSums sum_words(const void* source, int64_t bytes) {
    return words_from(0, static_cast<const char*>(source), bytes, {0, 0});
  }

  static uint64_t which_above(const double* x, int64_t n, double limit, double* rest) {
    return above_from(0, x, n, limit, rest);
  }

  template <typename T>
  static double distance2(const T* x, const T* y, int64_t d) {
    double sum[kLanes] = {};
    auto add = [&](const T* a, const T* b) {
      for (int l = 0; l < kLanes; ++l) {
        const double difference = static_cast<double>(a[l]) - b[l];
        sum[l] += difference * difference;
      }
    };
    int64_t j = 0;
    for (; j + kLanes <= d; j += kLanes) add(x + j, y + j);
    if (j < d) add(Tail<T>(x + j, d - j).values, Tail<T>(y + j, d - j).values);
    for (int half = kLanes / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
    return sum[0];
  }

  // For d = 16 * Groups columns, which the compiler keeps in registers.
  template <int Groups>
  static void products(const uint8_t* x, const int8_t* y, uint32_t bits, int32_t* out) {
    constexpr int64_t d = 16 * Groups;
    for (; bits; bits &= bits - 1) {
      const int c = __builtin_ctz(bits);
      int32_t sum = 0;
      for (int64_t j = 0; j < d; ++j) sum += (x[j] - 128) * y[c * d + j];
      out[c] = sum;
    }
  }

 protected:
  // The sums of word j and those after it, and of what was summed before it.
  static WordSums words_from(int64_t j, const char* x, int64_t bytes, WordSums sums) {
    for (; 8 * j < bytes; ++j) {
      const int64_t left = bytes - 8 * j;
      uint64_t word = 0;
      __builtin_memcpy(&word, x + 8 * j, left < 8 ? left : 8);
      const uint64_t keyed = word ^ static_cast<uint64_t>(j + 1) * kPrime;
      sums.plain += word;
      sums.products += (keyed & 0xffffffffu) * (keyed >> 32);
    }
    return sums;
  }

  // which_above's bits of x[j] and the values after it.
  static uint64_t above_from(int64_t j, const double* x, int64_t n, double limit, double* rest) {
    uint64_t bits = 0;
    double largest = *rest;
    for (; j < n; ++j) {
      const bool is = x[j] > limit;
      bits |= static_cast<uint64_t>(is) << j;
      largest = !is && x[j] > largest ? x[j] : largest;
    }
    *rest = largest;
    return bits;
  }
};

}  // namespace
}  // namespace pyuniform
