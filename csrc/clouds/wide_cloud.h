// Farthest-first traversal of one small cloud of any number of coordinates, in float64 alone.
//
// Lazy: a point meets the picks that it has missed only while its bound says that it may be the
// farthest. What it has not met leaves its bound too large, never too small.
#pragma once

#include <cstdint>
#include <vector>

#include "clouds/cloud.h"
#include "core/uninitialized.h"
#include "simd/kernels.h"

namespace pyuniform {

// One thread's traversal; its memory serves cloud after cloud.
class WideCloud {
 public:
  explicit WideCloud(const Kernels& kernels) : kernels_(kernels) {}

  void traverse(const Cloud& cloud, const CloudPicks& picks, CloudStats* stats);

 private:
  void load(const Cloud& cloud);
  double distance2(int64_t i, int64_t pick) const;
  // Lets point i meet the picks that it has missed, as long as its bound is `least` or more.
  void relax(int64_t i, const CloudPicks& picks, int64_t made, double least);
  int64_t find_farthest(const CloudPicks& picks, int64_t made);

  const Kernels& kernels_;
  const Cloud* cloud_ = nullptr;
  bool narrow_ = false;  // whether points are read as they are stored, in float32
  int64_t width_ = 0, pairs_ = 0;
  UninitializedVector<double> values_;  // zero-padded, unless narrow
  std::vector<double> bound_;           // an upper bound of the squared distance; -1: picked
  std::vector<int64_t> met_;            // picks that it takes into account
};

}  // namespace pyuniform
