// The coordinates of rows along a few axes, and how far they are from these axes' span: p + 1
// values, of which those of two rows are no farther apart than the rows.
#pragma once

#include <cstdint>
#include <vector>

#include "picks/panels.h"
#include "simd/kernels.h"

namespace pyuniform {

class Prefix {
 public:
  // p > 0 rows of d values, orthonormal but for rounding.
  Prefix(const Kernels& kernels, const float* axes, int64_t p, int64_t d);

  int64_t columns() const { return p_ + 1; }

  // Whether the axes are near enough to orthonormal.
  bool is_sound() const { return skew_ < 1; }

  // Distances of two rows' values are at most so many times those of the rows.
  double stretch() const { return 1 + skew_; }

  // Writes the values of a row x of the frame, of this squared norm, to `out`; returns a bound of
  // how far they are from what they should be. `out` has room for whole panels of values.
  double project(const float* x, double norm2, float* out) const;

  // Room that `project` wants.
  int64_t room() const { return panels_.count() * kPanel + 1; }

 private:
  const Kernels& kernels_;
  const int64_t p_, d_;
  Panels panels_;  // the axes
  double skew_;    // a bound of the spectral norm of A A^T - I, A being the axes
};

}  // namespace pyuniform
