// The coordinates that sketches keep, and their codes.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "codes.h"
#include "core.h"

namespace pyuniform {

// p orthonormal axes of the frame, p a multiple of kPanel. Sketches only guess: so coordinates are
// products of codes.
class Axes {
 public:
  Axes(const Kernels& kernels, const float* axes, int64_t p, int64_t d)
      : p_(p), d_(d), panels_(Codes::padded_columns(d)) {
    std::vector<int8_t> code(d);
    for (int64_t a = 0; a < p; ++a) {
      const float* axis = axes + a * d;
      const float step = least_step(kernels, axis, d, kernels.pick_codes);
      const float scale =
          guess_code(kernels, axis, 1, d, kernels.pick_codes.levels, step, code.data());
      panels_.append(code.data(), d, scale, 0);
    }
  }

  int64_t count() const { return p_; }
  int64_t columns() const { return d_; }
  const CodePanels& panels() const { return panels_; }

 private:
  int64_t p_, d_;
  CodePanels panels_;
};

// One thread's way from rows to sketches, a tile of rows at a time.
class Sketcher {
 public:
  Sketcher(const Kernels& kernels, const Axes& axes)
      : kernels_(kernels),
        axes_(axes),
        rows_(kernels, kernels.code_tile, axes.panels().columns(), kernels.tile_rows),
        levels_(static_cast<int>(std::min<float>(
            kernels.row_codes.levels, kernels.row_codes.norm / std::sqrt(kSegment / 2.0f)))),
        code_(std::max(axes.columns(), axes.count())),
        coordinates_(kernels.tile_rows * axes.count()),
        value_(kernels.tile_rows * kPanel),
        below_(kernels.tile_rows) {}

  // Row r < tile_rows of the tile is x, in the frame.
  void load(int r, const float* x, double norm2) {
    const int64_t d = axes_.columns();
    const float scale = guess_code(kernels_, x, norm2, d, levels_, 0, code_.data());
    rows_.set(r, {scale, 0, static_cast<float>(norm2)}, code_.data(), d);
  }

  // Coordinates of the first n rows; all have the wrong sign, which does not matter.
  void project(int n) {
    const int64_t p = axes_.count();
    for (int64_t a = 0; a < p; a += kPanel) {
      rows_.scan(0, n, axes_.panels()[a / kPanel], value_.data(), below_.data());
      for (int r = 0; r < n; ++r)
        std::copy_n(&value_[r * kPanel], kPanel, &coordinates_[r * p + a]);
    }
  }

  // The sketch of row r, with the norm of the whole row, and the norm that 16-bit sums want.
  Code encode(int r, int levels, int8_t* code) const {
    const int64_t p = axes_.count();
    const float* x = &coordinates_[r * p];
    double norm2 = 0;
    for (int64_t a = 0; a < p; ++a) norm2 += static_cast<double>(x[a]) * x[a];
    const float step = static_cast<float>(std::sqrt(norm2)) / kSketchNorm;
    return {guess_code(kernels_, x, norm2, p, levels, step, code), 0, rows_[r].norm2};
  }

 private:
  const Kernels& kernels_;
  const Axes& axes_;
  CodeRows rows_;
  const int levels_;  // so few that norms need not be looked at
  std::vector<int8_t> code_;
  std::vector<float> coordinates_, value_;
  std::vector<uint32_t> below_;
};

}  // namespace pyuniform
