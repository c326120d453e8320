// The coordinates that sketches keep, and their codes. The first are scanned, for all picks; the
// others tell more of those that look near then.
//
// What a sketch leaves out, r(x) of row x, adds to a distance |r(x)|^2 + |r(c)|^2 - 2 <r(x), r(c)>,
// and of rows that are near each other the last is not about zero, as of any two, but a good part
// of the norms. Those are asked for that are near: so norms are taken without that part.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "codes/codes.h"
#include "simd/kernels.h"

namespace pyuniform {

// p orthonormal axes of the frame, and how many of them are scanned, both multiples of kPanel.
// Sketches only guess: so coordinates are products of codes.
class Axes {
 public:
  Axes(const Kernels& kernels, const float* axes, int64_t p, int64_t scanned, int64_t d)
      : p_(p), scanned_(scanned), d_(d), panels_(Codes::padded_columns(d)) {
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
  int64_t scanned() const { return scanned_; }
  int64_t columns() const { return d_; }
  const CodePanels& panels() const { return panels_; }

 private:
  int64_t p_, scanned_, d_;
  CodePanels panels_;
};

// Of the norms of what sketches leave out, what products of near rows make up: measured on text
// (docs/development/performance.md).
constexpr double kAligned = 0.3;

// Of a sketch's Code, `norm2` goes with the coordinates that are scanned, and this with all.
inline float all_norm2(const Code& sketch) { return sketch.norm2 + sketch.error; }

// Sketches of picks: what is scanned in panels, and the others by pick.
class PickSketches {
 public:
  PickSketches(int64_t p, int64_t scanned)
      : scanned_(scanned), others_(p - scanned), panels_(scanned, scanned) {}

  void append(const Code& sketch, const int8_t* code) {
    panels_.append(code, scanned_, sketch.scale, sketch.norm2 / 2);
    values_.insert(values_.end(), code + scanned_, code + scanned_ + others_);
    more_half_.push_back(sketch.error / 2);
  }

  int64_t scanned() const { return scanned_; }
  int64_t others() const { return others_; }
  const CodePanels& panels() const { return panels_; }
  // Of picks of panel p: the others, and half of what they add to the norm.
  const int8_t* others_of(int64_t p) const { return values_.data() + p * kPanel * others_; }
  const float* more_half_of(int64_t p) const { return more_half_.data() + p * kPanel; }

 private:
  int64_t scanned_, others_;
  CodePanels panels_;
  std::vector<int8_t> values_;
  std::vector<float> more_half_;
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

  // The sketch of row r. What is scanned has the norm that 16-bit sums want.
  Code encode(int r, int levels, int8_t* code) const {
    const int64_t p = axes_.count(), scanned = axes_.scanned();
    const float* x = &coordinates_[r * p];
    auto squares = [x](int64_t begin, int64_t end) {
      double sum = 0;
      for (int64_t a = begin; a < end; ++a) sum += static_cast<double>(x[a]) * x[a];
      return sum;
    };
    const double norm2 = rows_[r].norm2, first2 = squares(0, scanned);
    const double left_out2 = std::max(0.0, norm2 - first2);
    const double others2 = std::min(left_out2, squares(scanned, p));
    const float step = static_cast<float>(std::sqrt(first2)) / kSketchNorm;
    return {guess_code(kernels_, x, norm2, p, levels, step, code),
            static_cast<float>(kAligned * others2),
            static_cast<float>(first2 + (1 - kAligned) * left_out2)};
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
