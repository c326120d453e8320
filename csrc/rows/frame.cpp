#include "rows/frame.h"

#include <algorithm>

namespace pyuniform {

int frame_exponent(double largest) {
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::max(exponent - 40, -400);
}

Frame::Frame(const double* center, int64_t d, int exponent, bool unit_rows)
    : center(center, center + d), unit_rows_(unit_rows), scale_(std::ldexp(1.0, -exponent)) {
  const double u = 0x1p-24, n = static_cast<double>(d);
  double center2 = 0;
  for (float c : this->center) center2 += static_cast<double>(c) * c;
  offset_ = 0x1p-50 * std::sqrt(center2) + std::sqrt(n) * 0x1p-149;
  relative_ = n * u / (1 - n * u) + 9 * u;
  absolute_ = 4.01 * offset_ * offset_ / u + n * 0x1p-148;
  unit2 = std::ldexp(1.0, 2 * exponent);
  units_ = 1 / unit2;
  const double both = 2 * (relative_ + u);
  slack_norm2_ = both * (1 + 1.01 * 2.002);
  slack_distance2_ = both * 1.01 * 2;
  slack_ = both * 1.01 * 8008 * offset_ * offset_ + 4 * absolute_;
}

}  // namespace pyuniform
