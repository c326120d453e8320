// The frame in which the float32 filter works, and the proven bounds of its error.
//
// A row x enters the filter as x' = float32(x * s - center): for Euclid s = 2^-exponent, which
// keeps float32 squares away from overflow and underflow; for cosine s = 1 / |x|. Shifting by a
// common center changes no distance and removes the cancellation that a large mean would cause.
//
// The filter's value for row x and pick c is v = half_c - fl<x', c'>. With the constants below,
//     lower <= d2(x, c) <= upper,  upper = 4^exponent (row_upper(x) + 2 v), v from half_upper(c),
//                                  lower = 4^exponent (row_lower(x) + 2 v), v from half_lower(c),
// d2 being the canonical squared distance. docs/explanation/error-bounds.md derives every constant.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "rows/rounding.h"

namespace pyuniform {

// The exponent for rows whose largest coordinate is `largest`. Scaled by 2^-exponent it is 2^40:
// far from float32's overflow, and with 2^103 of room below for small rows. Values below 2^-360 are
// left small: canonical squares underflow there themselves.
int frame_exponent(double largest);

class Frame {
 public:
  // `center` has d values; unit rows are divided by their norms instead of scaled.
  Frame(const double* center, int64_t d, int exponent, bool unit_rows);

  // Scale of a row with the given norm (ignored for Euclid).
  double scale(double norm) const { return unit_rows_ ? 1 / norm : scale_; }

  double row_upper(double norm2) const { return (1 + relative_) * norm2 + absolute_; }
  double row_lower(double norm2) const { return (1 - relative_) * norm2 - absolute_; }
  float half_upper(double norm2) const { return round_up(row_upper(norm2) / 2); }
  float half_lower(double norm2) const { return round_down(row_lower(norm2) / 2); }

  // How far the upper bound of a pick at least as near as sqrt(distance2) can lie above its true
  // squared distance, for a row of squared filter norm `norm2`; all in the frame's units. Such a
  // pick cannot be longer than the row's own norm plus that distance.
  double slack(double norm2, double distance2) const {
    return slack_norm2_ * norm2 + slack_distance2_ * distance2 + slack_;
  }

  // Whether picks whose upper bounds are `upper` or more cannot be as near as sqrt(distance2).
  bool excludes(double upper, double norm2, double distance2) const {
    return upper - slack(norm2, distance2) > distance2;
  }

  // A squared distance in units of unit2. Powers of two are exact, and a product is quicker.
  double in_units(double distance2) const { return distance2 * units_; }

  // How much the distance of two rows can have changed on their way into the frame: at most the sum
  // of this for the norms of both.
  double entry_error(double norm) const { return 1.001 * 0x1p-24 * norm + offset_; }

  const std::vector<float> center;
  double unit2;  // 4^exponent: one unit of the filter's squared distances

 private:
  bool unit_rows_;
  double scale_, units_, relative_, absolute_, offset_, slack_norm2_, slack_distance2_, slack_;
};

}  // namespace pyuniform
