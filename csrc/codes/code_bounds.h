// How codes exclude picks.
//
// Let xq = scale * code of a row, error_x at least |x' - xq| and what x' itself is away from the
// row, and likewise cq and error_c of a pick. A pick within R of the row satisfies |xq - cq| <= r +
// error_c, where r = R + error_x. Since (r + e)^2 <= (1 + s) r^2 + (1 + 1/s) e^2 for any s > 0,
//     half_c - <xq, cq> < limit_x,   half_c  = (|cq|^2 - (1 + 1/s) error_c^2) / 2,
//                                    limit_x = ((1 + s) r^2 - |xq|^2) / 2,
// both widened by what float32 can lose. docs/explanation/error-bounds.md has the proof.
#pragma once

#include <algorithm>
#include <cmath>

#include "codes/code.h"
#include "rows/rounding.h"

namespace pyuniform {

// The two sides of that inequality, for one choice of s.
class CodeBounds {
 public:
  // Any s is correct; the best is the ratio of typical errors and distances.
  static CodeBounds balanced(double errors, double distances) {
    return CodeBounds(std::min(std::max(errors / distances, 0x1p-10), 1.0));
  }

  // A pick's half norm, from which a tile subtracts the product.
  float half(const Code& pick) const {
    const double error = pick.error;
    const double h = ((1 - kMargin) * pick.norm2 - error_ * error * error) / 2;
    return round_down(h - kMargin / 2 * std::fabs(h));
  }

  // A row's limit: what a tile computes of picks at a squared distance of up to `distance2`, in the
  // frame's units, is below it.
  float limit(const Code& row, double distance2) const {
    const double r = std::sqrt(std::max(distance2, 0.0)) * (1 + 0x1p-38) + row.error;
    return round_up((square_ * r * r - (1 - kMargin) * row.norm2) / 2);
  }

  // An upper bound of the squared distance, in the frame's units, of a row and a pick for which a
  // tile computed `value` from `half`.
  double upper2(const Code& row, const Code& pick, float half, float value) const {
    const double h = half, norms = static_cast<double>(row.norm2) + pick.norm2;
    // Norms are stored rounded down; the margin is more than that and the tile's roundings.
    const double coded2 =
        (1 + 2 * kMargin) * norms - 2 * (h - value) + 2 * kMargin * std::fabs(h) + 0x1p-120;
    const double d = std::sqrt(std::max(coded2, 0.0)) * (1 + 0x1p-38) + row.error + pick.error;
    return d * d * (1 + 0x1p-36);
  }

 private:
  explicit CodeBounds(double s) : square_(1 + s), error_(1 + 1 / s) {}

  static constexpr double kMargin = 0x1p-21;
  double square_, error_;
};

}  // namespace pyuniform
