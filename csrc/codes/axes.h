// The axes along which rows are sketched.
#pragma once

#include <cstdint>

#include "codes/code_panels.h"
#include "simd/kernels.h"

namespace pyuniform {

// p orthonormal axes of the frame, and how many of them are scanned, both multiples of kPanel.
// Sketches only guess: so coordinates are products of codes.
class Axes {
 public:
  // `axes` is p x d.
  Axes(const Kernels& kernels, const float* axes, int64_t p, int64_t scanned, int64_t d);

  int64_t count() const { return p_; }
  int64_t scanned() const { return scanned_; }
  int64_t columns() const { return d_; }
  const CodePanels& panels() const { return panels_; }

 private:
  int64_t p_, scanned_, d_;
  CodePanels panels_;
};

}  // namespace pyuniform
