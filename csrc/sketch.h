// The coordinates that sketches keep.
#pragma once

#include <vector>

#include "aligned.h"
#include "codes.h"
#include "core.h"
#include "frame.h"

namespace pyuniform {

// p orthonormal axes of the frame, p a multiple of kPanel.
class Axes {
 public:
  // With `codes` rows' codes can be projected too.
  Axes(const Kernels& kernels, const Frame& frame, const float* axes, int64_t p, int64_t d,
       bool codes)
      : p_(p),
        d_(d),
        panels_(aligned_array<float>(p * d)),
        code_panels_(Codes::padded_columns(d)),
        zero_(kPanel) {
    std::vector<int8_t> code(codes ? d : 0);
    for (int64_t a = 0; a < p; ++a) {
      const float* axis = axes + a * d;
      for (int64_t j = 0; j < d; ++j)
        panels_[a / kPanel * kPanel * d + kernels.panel_place(d, j, a % kPanel)] = axis[j];
      if (!codes) continue;
      const Code coded = encode_row(kernels, frame, axis, 1, d, kernels.pick_codes, code.data());
      code_panels_.append(code.data(), d, coded.scale, 0);
    }
  }

  int64_t count() const { return p_; }

  // The coordinates of n <= tile_rows packed rows: out[r * p + a]. All have the wrong sign, which
  // does not matter.
  void project(const Kernels& kernels, const float* rows, int64_t stride, int n, float* out) const {
    const std::vector<float> limit(kernels.tile_rows);
    project_with(kernels, n, out, [&](int64_t a, float* value, uint32_t* below) {
      kernels.tile(rows, stride, n, panels_.get() + a * kPanel * d_, zero_.data(), d_, limit.data(),
                   value, below, nullptr);
    });
  }

  // About the same of rows' codes, which takes less.
  void project_codes(const Kernels& kernels, const CodeRows& rows, int n, float* out) const {
    project_with(kernels, n, out, [&](int64_t a, float* value, uint32_t* below) {
      rows.scan(0, n, code_panels_[a], value, below);
    });
  }

 private:
  // `tile` computes the products of a panel of axes.
  template <typename Tile>
  void project_with(const Kernels& kernels, int n, float* out, Tile tile) const {
    std::vector<float> value(kernels.tile_rows * kPanel);
    std::vector<uint32_t> below(kernels.tile_rows);
    for (int64_t a = 0; a < p_ / kPanel; ++a) {
      tile(a, value.data(), below.data());
      for (int r = 0; r < n; ++r)
        std::copy_n(&value[r * kPanel], kPanel, out + r * p_ + a * kPanel);
    }
  }

  int64_t p_, d_;
  AlignedArray<float> panels_;
  CodePanels code_panels_;
  std::vector<float> zero_;
};

}  // namespace pyuniform
