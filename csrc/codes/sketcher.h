// From rows to sketches.
#pragma once

#include <cstdint>
#include <vector>

#include "codes/axes.h"
#include "codes/code_rows.h"
#include "simd/kernels.h"

namespace pyuniform {

// Sketches the rows of one thread, a tile at a time: load them, project, encode.
class Sketcher {
 public:
  Sketcher(const Kernels& kernels, const Axes& axes);

  // Row r < tile_rows of the tile is x, in the frame.
  void load(int r, const float* x, double norm2);

  // Coordinates of the first n rows; all have the wrong sign, which does not matter.
  void project(int n);

  // The sketch of row r. What is scanned has the norm that 16-bit sums want.
  Code encode(int r, int levels, int8_t* code) const;

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
