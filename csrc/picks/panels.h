// Picks packed for the float32 tile.
#pragma once

#include <algorithm>
#include <vector>

#include "core/aligned.h"
#include "rows/frame.h"
#include "simd/kernels.h"

namespace pyuniform {

struct Panel {
  AlignedArray<float> values;
  float half_upper[kPanel], half_lower[kPanel];
  // `half_upper` of either half of the panel: what follows is infinite, and tiles leave it out.
  float split_upper[2][kPanel];
};

// Panels of 32 picks. Empty places have an infinite half norm, so nothing is ever below a limit
// there.
class Panels {
 public:
  Panels(const Kernels& kernels, int64_t d) : kernels_(kernels), d_(d) {}

  // The next pick: d values of the frame, and their squared norm.
  void append(const Frame& frame, const float* packed, double norm2) {
    append(packed, frame.half_upper(norm2), frame.half_lower(norm2));
  }

  void append(const float* packed, float half_upper, float half_lower);

  int64_t size() const { return size_; }
  int64_t count() const { return static_cast<int64_t>(panels_.size()); }
  const Panel& operator[](int64_t p) const { return panels_[p]; }

  // Picks in panel p.
  int64_t filled(int64_t p) const { return std::min<int64_t>(kPanel, size_ - p * kPanel); }

 private:
  void add_panel();

  const Kernels& kernels_;
  int64_t d_, size_ = 0;
  std::vector<Panel> panels_;
};

}  // namespace pyuniform
