// Rows of few values in boxes: groups of rows that lie near each other, each with the box that
// holds them. A pick is looked at only by the boxes that it might be near enough to; outer boxes,
// each around some of these, sort out most picks for all of them at once.
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

#include "core/uninitialized.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

class Boxes {
 public:
  // Rows of a box at most, boxes of an outer box, and rows that are put into boxes together.
  static constexpr int64_t kRows = 192, kInner = 16, kGroup = 1 << 20;

  explicit Boxes(int64_t d) : d_(d), value_(d), pick_(d) {}

  // Puts rows [begin, end), which are in memory, into boxes.
  void add_rows(const Matrix& matrix, const Kernels& kernels, int64_t begin, int64_t end,
                int threads);

  // Takes note of a pick: canonical values.
  void add_pick(const double* values) {
    for (int64_t j = 0; j < d_; ++j) pick_[j].push_back(values[j]);
  }

  int64_t outer_count() const { return static_cast<int64_t>(outer_.size()); }

  int64_t count() const { return static_cast<int64_t>(begin_.size()); }

  int64_t size(int64_t box) const {
    return (box + 1 < count() ? begin_[box + 1] : static_cast<int64_t>(row_.size())) - begin_[box];
  }

  const int32_t* rows(int64_t box) const { return &row_[begin_[box]]; }

  // No row of the box is farther from the picks that it has met.
  double largest(int64_t box) const { return largest_[box]; }

  // Lets the boxes of an outer box with rows beyond rho meet the picks that they missed. Writes the
  // number of their rows, and returns row-pick pairs.
  int64_t meet(const Kernels& kernels, int64_t outer, double rho, int64_t* rows);

  // Takes what the boxes know, or one of them, to where it is known of all rows; a bound below zero
  // stays. To be done before anything is read there.
  void store(double* bound, int32_t* nearest) {
    for (int64_t box = 0; box < count(); ++box) store(box, bound, nearest);
  }
  void store(int64_t box, double* bound, int32_t* nearest);

 private:
  // An outer box, and the picks that it has met and that might be near enough to an inner one.
  struct Outer {
    double low[kBoxColumns], high[kBoxColumns];
    std::vector<int32_t> picks;
    int64_t met = 0;
  };

  template <int D>
  void order(const Matrix& matrix, const Kernels& kernels, int64_t begin, int64_t end, int threads);
  int64_t meet_box(const Kernels& kernels, int64_t box, const std::vector<int32_t>& picks);

  // Picks of which the distances to a box are computed together.
  static constexpr int64_t kPicks = 32;

  const int64_t d_;
  std::vector<int64_t> begin_;
  UninitializedVector<int32_t> row_;
  std::vector<UninitializedVector<double>> value_;  // of each coordinate
  std::vector<std::vector<double>> pick_;
  std::vector<double> low_, high_;
  // Of each row in the order of the boxes: the squared distance to the nearest pick, and which.
  UninitializedVector<double> bound_;
  UninitializedVector<int64_t> nearest_;
  // Of each box: what `largest` says, how many of its outer box's picks it has met, and whether it
  // has news for `store`.
  std::vector<double> largest_;
  std::vector<int64_t> met_;
  std::vector<char> changed_;
  std::vector<Outer> outer_;
};

}  // namespace pyuniform
