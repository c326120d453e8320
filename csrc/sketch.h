// The coordinates that sketches keep.
#pragma once

#include <vector>

#include "aligned.h"
#include "core.h"
#include "rows.h"

namespace pyuniform {

// p orthonormal axes of the frame, p a multiple of kPanel.
class Axes {
 public:
  Axes(const Kernels& kernels, const float* axes, int64_t p, int64_t d)
      : p_(p), d_(d), panels_(aligned_array<float>(p * d)), zero_(kPanel) {
    for (int64_t a = 0; a < p; ++a)
      for (int64_t j = 0; j < d; ++j)
        panels_[a / kPanel * kPanel * d + kernels.panel_place(d, j, a % kPanel)] = axes[a * d + j];
  }

  int64_t count() const { return p_; }

  // The coordinates of n <= tile_rows packed rows: out[r * p + a]. All have the wrong sign, which
  // does not matter.
  void project(const Kernels& kernels, const float* rows, int64_t stride, int n, float* out) const {
    std::vector<float> value(kernels.tile_rows * kPanel);
    std::vector<uint32_t> below(kernels.tile_rows);
    const std::vector<float> limit(kernels.tile_rows);
    for (int64_t a = 0; a < p_; a += kPanel) {
      kernels.tile(rows, stride, n, panels_.get() + a * d_, zero_.data(), d_, limit.data(),
                   value.data(), below.data(), nullptr);
      for (int r = 0; r < n; ++r)
        for (int c = 0; c < kPanel; ++c) out[r * p_ + a + c] = value[r * kPanel + c];
    }
  }

 private:
  int64_t p_, d_;
  AlignedArray<float> panels_;
  std::vector<float> zero_;
};

}  // namespace pyuniform
