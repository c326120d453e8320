// Rows of few values in boxes: groups of rows that lie near each other, each with the box that
// holds them. A pick is looked at only by the boxes that it might be near enough to.
//
// Nothing is filtered: the distances that are computed are canonical, so bounds are exact. A box's
// distance to a pick is computed as a row's is, with the gap between them in each coordinate in
// place of the difference. Gaps are no larger than any row's differences, and rounding, squaring
// and adding are monotone: what comes out is no larger than any row's canonical squared distance.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "core.h"

namespace pyuniform {

class Boxes {
 public:
  // Rows of a box at most, and rows that are put into boxes together.
  static constexpr int64_t kRows = 128, kGroup = 1 << 20;

  explicit Boxes(int64_t d) : d_(d), value_(d), pick_(d) {}

  // Puts rows [begin, end), which are in memory, into boxes.
  void add_rows(const Matrix& matrix, const Kernels& kernels, int64_t begin, int64_t end,
                int threads);

  // Takes note of a pick: canonical values.
  void add_pick(const double* values) {
    for (int64_t j = 0; j < d_; ++j) pick_[j].push_back(values[j]);
  }

  int64_t count() const { return static_cast<int64_t>(begin_.size()); }

  int64_t size(int64_t box) const {
    return (box + 1 < count() ? begin_[box + 1] : static_cast<int64_t>(row_.size())) - begin_[box];
  }

  // No row of the box is farther from the picks that it has met.
  double largest(int64_t box) const { return largest_[box]; }

  // Lets a box meet the picks that it missed. `bound` and `nearest` are of all rows; those of the
  // box's rows that fall are changed, but for bounds below zero. Returns row-pick pairs.
  int64_t meet(const Kernels& kernels, int64_t box, double* bound, int32_t* nearest);

 private:
  template <int D>
  void order(const Matrix& matrix, const Kernels& kernels, int64_t begin, int64_t end, int threads);

  // Picks of which the distances to a box are computed together.
  static constexpr int64_t kPicks = 32;

  const int64_t d_;
  std::vector<int64_t> begin_;
  std::vector<int32_t> row_;
  std::vector<std::vector<double>> value_, pick_;  // of each coordinate
  std::vector<double> low_, high_;
  // Of each row in the order of the boxes: the squared distance to the nearest pick, and which.
  std::vector<double> bound_;
  std::vector<int64_t> nearest_;
  std::vector<double> largest_;  // of each box
  std::vector<int64_t> met_;     // picks that each box has met
};

}  // namespace pyuniform
