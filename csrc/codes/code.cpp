#include "codes/code.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rows/rounding.h"

namespace pyuniform {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool overflows(double norm2) { return !(norm2 < 0x1p120); }

}  // namespace

float least_step(const Kernels& kernels, const float* x, int64_t d, const CodeLimits& limits) {
  return limits.norm < kInfinity ? kernels.segment_norm(x, d) / limits.norm : 0;
}

Code encode_row(const Kernels& kernels, const Frame& frame, const float* x, double x_norm2,
                int64_t d, const CodeLimits& limits, int8_t* code) {
  if (overflows(x_norm2)) {
    std::fill_n(code, d, 0);
    return {0, kInfinity, 0};
  }
  double rest2, norm2;
  const float scale =
      kernels.encode(x, d, limits.levels, least_step(kernels, x, d, limits), code, &rest2, &norm2);
  const double error = std::sqrt(rest2) * (1 + 0x1p-40) + frame.entry_error(std::sqrt(x_norm2));
  return {scale, round_up(error), std::max(round_down(norm2), 0.0f)};
}

float guess_code(const Kernels& kernels, const float* x, double x_norm2, int64_t d, int levels,
                 float least_scale, int8_t* code) {
  if (overflows(x_norm2)) {
    std::fill_n(code, d, 0);
    return 0;
  }
  return kernels.encode(x, d, levels, least_scale, code, nullptr, nullptr);
}

void store_code(const int8_t* values, int64_t d, int64_t columns, uint8_t* out) {
  for (int64_t j = 0; j < d; ++j) out[j] = static_cast<uint8_t>(values[j]) ^ 128;
  for (int64_t j = d; j < columns; ++j) out[j] = 128;
}

}  // namespace pyuniform
