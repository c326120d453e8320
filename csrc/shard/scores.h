// The score of a row: the number by which rows compete. Thresholds are scores.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace pyuniform {

// A row's score is its bound, times the row's factor if there are factors. It is -1, which is out
// of the race, where the factor is zero or the bound not above the floor.
class Scores {
 public:
  // Without factors (null) all are one. They are not copied.
  void set(const double* factor, double floor2) {
    factor_ = factor;
    floor2_ = floor2;
  }

  double floor2() const { return floor2_; }

  // Whether a row's score is its bound, unless the floor puts it out of the race.
  bool are_bounds() const { return !factor_; }

  double of(int64_t i, double bound2) const {
    if (bound2 <= floor2_) return -1;
    if (!factor_) return bound2;
    return factor_[i] > 0 ? factor_[i] * bound2 : -1;
  }

  // The score of a bound of unknown rows, for what no other row exceeds. Scores are bounds.
  double of_rest(double bound2) const { return bound2 > floor2_ ? bound2 : -1; }

  // A bound at which row i, whose factor is not zero, is sure to score rho at most.
  double parks_at(int64_t i, double rho) const {
    if (!factor_) return std::max(rho, floor2_);
    double bound2 = rho / factor_[i];
    while (factor_[i] * bound2 > rho)
      bound2 = std::nextafter(bound2, -std::numeric_limits<double>::infinity());
    return std::max(bound2, floor2_);
  }

 private:
  const double* factor_ = nullptr;
  double floor2_ = -1;
};

}  // namespace pyuniform
