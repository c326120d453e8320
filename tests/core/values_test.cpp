// Loops over stored values, of every instruction set, against plain ones.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.h"

using namespace pyuniform;
using namespace pyuniform::tests;

namespace {

constexpr DType kDTypes[] = {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i8, DType::u8};

// A half's value, by its definition.
double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value;
  if (exponent == 31)
    value = fraction ? std::nan("") : std::numeric_limits<double>::infinity();
  else
    value = exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24);
  return bits >> 15 ? -value : value;
}

template <typename T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

double stored_value(const char* x, DType dtype, int64_t j) {
  switch (dtype) {
    case DType::f32:
      return load<float>(x + 4 * j);
    case DType::f64:
      return load<double>(x + 8 * j);
    case DType::i8:
      return static_cast<int8_t>(x[j]);
    case DType::u8:
      return static_cast<uint8_t>(x[j]);
    case DType::f16:
      return half_value(load<uint16_t>(x + 2 * j));
    case DType::bf16: {
      const uint32_t bits = static_cast<uint32_t>(load<uint16_t>(x + 2 * j)) << 16;
      float value;
      std::memcpy(&value, &bits, sizeof value);
      return value;
    }
  }
  return 0;
}

bool same(double a, double b) {
  return a == b ? std::signbit(a) == std::signbit(b) : std::isnan(a) && std::isnan(b);
}

// Values of any bits; for floating point of moderate size where `finite` is asked for.
void fill(Random& random, DType dtype, bool finite, const Guarded<char>& out) {
  const int64_t d = out.size() / item_size(dtype);
  for (int64_t b = 0; b < out.size(); ++b) out[b] = static_cast<char>(below(random, 256));
  for (int64_t j = 0; finite && j < d; ++j) {
    const float value = static_cast<float>(normal(random) * std::ldexp(1, below(random, 8)));
    const double wide = value;
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    const uint16_t upper = static_cast<uint16_t>(bits >> 16);
    if (dtype == DType::f32) std::memcpy(out.data() + 4 * j, &value, 4);
    if (dtype == DType::f64) std::memcpy(out.data() + 8 * j, &wide, 8);
    if (dtype == DType::bf16) std::memcpy(out.data() + 2 * j, &upper, 2);
    if (dtype == DType::f16) out[2 * j + 1] &= static_cast<char>(~0x40);  // below 2
  }
}

void check_widen(const Kernels& kernels) {
  Random random(1);
  for (DType dtype : kDTypes) {
    for (const int64_t* d = some_columns(); *d; ++d) {
      const Guarded<char> x(*d * item_size(dtype));
      fill(random, dtype, false, x);
      const Guarded<double> out(*d);
      kernels.widen(x.data(), dtype, *d, out.data());
      for (int64_t j = 0; j < *d; ++j) CHECK(same(out[j], stored_value(x.data(), dtype, j)));
    }
  }
  const Guarded<uint16_t> halves(1 << 16);
  for (int64_t j = 0; j < halves.size(); ++j) halves[j] = static_cast<uint16_t>(j);
  std::vector<double> out(halves.size());
  kernels.widen(halves.data(), DType::f16, halves.size(), out.data());
  for (int64_t j = 0; j < halves.size(); ++j)
    CHECK(same(out[j], half_value(static_cast<uint16_t>(j))));
}

void check_largest(const Kernels& kernels) {
  Random random(2);
  for (DType dtype : kDTypes) {
    for (const int64_t* d = some_columns(); *d; ++d) {
      for (bool finite : {true, false}) {
        const Guarded<char> x(*d * item_size(dtype));
        fill(random, dtype, finite, x);
        double largest = 0;
        for (int64_t j = 0; j < *d; ++j) {
          const double magnitude = std::fabs(stored_value(x.data(), dtype, j));
          largest = std::isfinite(magnitude) ? std::max(largest, magnitude) : INFINITY;
          if (!std::isfinite(magnitude)) break;
        }
        const double found = kernels.largest(x.data(), dtype, *d);
        CHECK(std::isfinite(largest) ? found == largest : !std::isfinite(found));
      }
    }
  }
}

void check_sum_words(const Kernels& kernels) {
  Random random(3);
  for (const int64_t* d = some_columns(); *d; ++d) {
    const Guarded<char> x(*d);
    fill(random, DType::u8, false, x);
    uint64_t plain = 0, products = 0;
    for (int64_t j = 0; 8 * j < *d; ++j) {
      uint64_t word = 0;
      std::memcpy(&word, x.data() + 8 * j, std::min<int64_t>(8, *d - 8 * j));
      const uint64_t keyed = word ^ static_cast<uint64_t>(j + 1) * kPrime;
      plain += word;
      products += (keyed & 0xffffffff) * (keyed >> 32);
    }
    const WordSums sums = kernels.sum_words(x.data(), *d);
    CHECK(sums.plain == plain && sums.products == products);
  }
}

void check_which_above(const Kernels& kernels) {
  Random random(4);
  for (int repeat = 0; repeat < 300; ++repeat) {
    const int64_t n = below(random, 65);
    const Guarded<double> x(n);
    // Few values, so that some are the limit; infinite ones too.
    for (int64_t j = 0; j < n; ++j)
      x[j] = below(random, 9) ? static_cast<double>(below(random, 5)) : INFINITY;
    const double limit = static_cast<double>(below(random, 5)), before = normal(random);
    double rest = before, expected_rest = before;
    uint64_t expected = 0;
    for (int64_t j = 0; j < n; ++j) {
      if (x[j] > limit)
        expected |= uint64_t{1} << j;
      else
        expected_rest = std::max(expected_rest, x[j]);
    }
    CHECK(kernels.which_above(x.data(), n, limit, &rest) == expected);
    CHECK(rest == expected_rest);
  }
}

void check_pack(const Kernels& kernels) {
  Random random(5);
  for (DType dtype : kDTypes) {
    for (const int64_t* d = some_columns(); *d; ++d) {
      for (double scale : {1.0, 0.25, 0.3}) {
        const Guarded<char> x(*d * item_size(dtype));
        fill(random, dtype, true, x);
        const Guarded<float> center(*d), out(*d);
        const Guarded<double> scratch(*d);
        for (int64_t j = 0; j < *d; ++j) center[j] = static_cast<float>(normal(random));
        const double norm2 =
            kernels.pack(x.data(), dtype, scale, center.data(), *d, out.data(), scratch.data());
        double sum = 0;
        for (int64_t j = 0; j < *d; ++j) {
          const double scaled = stored_value(x.data(), dtype, j) * scale;
          const double exact = scaled - center[j];
          // One rounding to float32, and in float64 those of a product and a difference.
          const double error =
              0x1p-24 * std::fabs(exact) + 0x1p-51 * (std::fabs(scaled) + std::fabs(center[j]));
          CHECK(std::fabs(out[j] - exact) <= error + 0x1p-150);
          sum += static_cast<double>(out[j]) * out[j];
        }
        CHECK(std::fabs(norm2 - sum) <= 1e-12 * sum);
      }
    }
  }
}

}  // namespace

TEST(widen) { for_each_kernels(check_widen); }
TEST(largest) { for_each_kernels(check_largest); }
TEST(sum_words) { for_each_kernels(check_sum_words); }
TEST(which_above) { for_each_kernels(check_which_above); }
TEST(pack) { for_each_kernels(check_pack); }
