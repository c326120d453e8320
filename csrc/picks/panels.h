// Picks packed for the tile kernel, in panels of 32. A panel's empty places have an infinite half
// norm, so nothing is ever below a limit there.
#pragma once

#include <algorithm>
#include <limits>
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

class Panels {
 public:
  Panels(const Kernels& kernels, int64_t d) : kernels_(kernels), d_(d) {}

  void append(const Frame& frame, const float* packed, double norm2) {
    append(packed, frame.half_upper(norm2), frame.half_lower(norm2));
  }

  void append(const float* packed, float half_upper, float half_lower) {
    const int place = static_cast<int>(size_ % kPanel);
    if (place == 0) add_panel();
    Panel& panel = panels_.back();
    for (int64_t j = 0; j < d_; ++j) panel.values[kernels_.panel_place(d_, j, place)] = packed[j];
    panel.half_upper[place] = half_upper;
    panel.split_upper[2 * place / kPanel][place % (kPanel / 2)] = half_upper;
    panel.half_lower[place] = half_lower;
    ++size_;
  }

  int64_t size() const { return size_; }
  int64_t count() const { return static_cast<int64_t>(panels_.size()); }
  const Panel& operator[](int64_t p) const { return panels_[p]; }

  // Picks in panel p.
  int64_t filled(int64_t p) const { return std::min<int64_t>(kPanel, size_ - p * kPanel); }

 private:
  void add_panel() {
    panels_.emplace_back();
    Panel& panel = panels_.back();
    const size_t count = d_ * kPanel;
    panel.values = aligned_array<float>(count);
    std::fill_n(panel.values.get(), count, 0.0f);
    for (float* halves :
         {panel.half_upper, panel.half_lower, panel.split_upper[0], panel.split_upper[1]})
      std::fill_n(halves, kPanel, std::numeric_limits<float>::infinity());
  }

  const Kernels& kernels_;
  int64_t d_, size_ = 0;
  std::vector<Panel> panels_;
};

}  // namespace pyuniform
