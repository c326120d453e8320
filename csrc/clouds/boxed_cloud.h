// Farthest-first traversal of one cloud of few coordinates, pick by pick, in float64 alone.
//
// Points are grouped into boxes (shard/boxes.h has the reason why a box may be passed over), of
// which a pick meets only those that it might be near enough to. There are no rounds, no threshold
// and nothing to settle: bounds are exact after each pick, so the farthest point is the next one.
#pragma once

#include <cstdint>
#include <vector>

#include "clouds/cloud.h"
#include "core/uninitialized.h"
#include "simd/kernels.h"

namespace pyuniform {

// One thread's traversal; its memory serves cloud after cloud.
class BoxedCloud {
 public:
  explicit BoxedCloud(const Kernels& kernels) : kernels_(kernels) {}

  // At most kBoxColumns columns.
  void traverse(const Cloud& cloud, const CloudPicks& picks, CloudStats* stats);

 private:
  // Points of a box at most.
  static constexpr int64_t kRows = 128;

  void load(const Cloud& cloud);
  template <int D>
  void order(int64_t n);
  void bound_boxes(int64_t n);

  // Of the place `at`, which is in `box`, as a pick: no point is picked twice.
  void take(int64_t at, int64_t box);
  void meet_box(int64_t box, const double* pick);
  // The place of the farthest point, of equally far ones that of the lowest row, and its box;
  // returns its bound.
  double find_farthest(int64_t* at, int64_t* box) const;
  int64_t place_of(int64_t row) const;

  int64_t size(int64_t box) const { return begin_[box + 1] - begin_[box]; }

  const Kernels& kernels_;
  int64_t d_ = 0, boxes_ = 0, places_ = 0, box_stride_ = 0;
  UninitializedVector<double> wide_;
  UninitializedVector<char> points_;  // while they are ordered
  // Of each place, in the order of the boxes; those that fill up a box hold no point.
  UninitializedVector<double> value_;  // d_ times places_
  UninitializedVector<double> bound_;  // the squared distance to the picks; -1: none, or picked
  UninitializedVector<int64_t> row_;   // -1: none
  // Of each box; as many more as fill up the last step.
  std::vector<int64_t> begin_;
  UninitializedVector<double> low_, high_, largest_, near_;
  CloudStats stats_;
};

}  // namespace pyuniform
