#include "codes/sketcher.h"

#include <algorithm>
#include <cmath>

#include "codes/sketch.h"

namespace pyuniform {

Sketcher::Sketcher(const Kernels& kernels, const Axes& axes)
    : kernels_(kernels),
      axes_(axes),
      rows_(kernels, kernels.code_tile, axes.panels().columns(), kernels.tile_rows),
      levels_(static_cast<int>(std::min<float>(
          kernels.row_codes.levels, kernels.row_codes.norm / std::sqrt(kSegment / 2.0f)))),
      code_(std::max(axes.columns(), axes.count())),
      coordinates_(kernels.tile_rows * axes.count()),
      value_(kernels.tile_rows * kPanel),
      below_(kernels.tile_rows) {}

void Sketcher::load(int r, const float* x, double norm2) {
  const int64_t d = axes_.columns();
  const float scale = guess_code(kernels_, x, norm2, d, levels_, 0, code_.data());
  rows_.set(r, {scale, 0, static_cast<float>(norm2)}, code_.data(), d);
}

void Sketcher::project(int n) {
  const int64_t p = axes_.count();
  for (int64_t a = 0; a < p; a += kPanel) {
    rows_.scan(0, n, axes_.panels()[a / kPanel], value_.data(), below_.data());
    for (int r = 0; r < n; ++r) std::copy_n(&value_[r * kPanel], kPanel, &coordinates_[r * p + a]);
  }
}

Code Sketcher::encode(int r, int levels, int8_t* code) const {
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

}  // namespace pyuniform
