// Canonical values of picks, kept where picks are looked at in float64 as soon as they matter.
#pragma once

#include <cstring>
#include <vector>

#include "aligned.h"
#include "core.h"

namespace pyuniform {

class CanonicalPicks {
 public:
  explicit CanonicalPicks(int64_t d) : width_(padded(d)) {}

  void append(const double* values) {
    if (size_ % kGroup == 0) groups_.push_back(aligned_array<double>(kGroup * width_));
    std::memcpy(groups_.back().get() + size_ % kGroup * width_, values, width_ * sizeof(double));
    ++size_;
  }

  const double* operator[](int64_t pick) const {
    return groups_[pick / kGroup].get() + pick % kGroup * width_;
  }

 private:
  static constexpr int64_t kGroup = 64;

  int64_t width_, size_ = 0;
  std::vector<AlignedArray<double>> groups_;
};

}  // namespace pyuniform
