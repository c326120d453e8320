#include "pack/prefix.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pyuniform {
namespace {

constexpr double kMostSkew = 0x1p-10;

}  // namespace

Prefix::Prefix(const Kernels& kernels, const float* axes, int64_t p, int64_t d)
    : kernels_(kernels), p_(p), d_(d), panels_(kernels, d), skew_(0) {
  for (int64_t a = 0; a < p; ++a) {
    panels_.append(axes + a * d, 0, 0);
    double row = 0;
    for (int64_t b = 0; b < p; ++b) {
      double product = 0;
      for (int64_t j = 0; j < d; ++j)
        product += static_cast<double>(axes[a * d + j]) * axes[b * d + j];
      row += std::fabs(product - (a == b));
    }
    // The sums in float64 err by less than this.
    row += static_cast<double>(p) * static_cast<double>(d) * 0x1p-50;
    skew_ = row < kMostSkew ? std::max(skew_, row) : std::numeric_limits<double>::infinity();
    if (!(skew_ < kMostSkew)) return;
  }
}

double Prefix::project(const float* x, double norm2, float* out) const {
  const std::vector<float> limit(kernels_.tile_rows);
  std::vector<uint32_t> below(kernels_.tile_rows);
  std::vector<float> value(kernels_.tile_rows * kPanel);
  for (int64_t a = 0; a < panels_.count(); ++a) {
    const Panel& panel = panels_[a];
    kernels_.tile(x, 0, 1, panel.values.get(), panel.half_upper, d_, limit.data(), value.data(),
                  below.data(), nullptr);
    // With the wrong sign, which does not matter.
    std::copy_n(value.data(), kPanel, out + a * kPanel);
  }
  double along2 = 0;
  for (int64_t a = 0; a < p_; ++a) along2 += static_cast<double>(out[a]) * out[a];
  const double rest2 = std::max(0.0, norm2 - along2), rest = std::sqrt(rest2);
  out[p_] = static_cast<float>(rest);

  // docs/explanation/error-bounds.md derives these.
  const double u = 0x1p-24, n = static_cast<double>(d_), norm = std::sqrt(norm2) * (1 + 0x1p-38);
  const double products =
      1.01 * std::sqrt(static_cast<double>(p_)) * (n * u / (1 - n * u) * norm + n * 0x1p-149);
  const double squares =
      products * (2 * std::sqrt(along2) + products) + (1.01 * skew_ + 0x1p-38) * norm2 + 0x1p-200;
  const double of_rest = std::min(std::sqrt(squares), rest > 0 ? squares / rest : INFINITY);
  return (products + of_rest + 1.01 * u * norm + std::sqrt(n) * 0x1p-149) * (1 + 0x1p-30);
}

}  // namespace pyuniform
