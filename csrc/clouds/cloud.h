// One point cloud, and what is wanted of it.
#pragma once

#include <cstdint>

#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

// Some rows of a matrix in memory, by their places in it: `size` of them from `first` on, or those
// that `members` lists.
struct Cloud {
  const Matrix& matrix;
  const int64_t* members;  // or null
  int64_t first, size;

  const char* row(int64_t i) const { return matrix.row(members ? members[i] : first + i); }

  // Whether rows lie side by side, without gaps.
  bool is_dense() const {
    return !members && matrix.row_stride == matrix.d * item_size(matrix.dtype);
  }

  // Writes all values, row after row, d values each.
  void widen(const Kernels& kernels, double* out) const {
    if (is_dense()) return kernels.widen(row(0), matrix.dtype, size * matrix.d, out);
    for (int64_t i = 0; i < size; ++i)
      kernels.widen(row(i), matrix.dtype, matrix.d, out + i * matrix.d);
  }
};

// `count` picks, 1 to the cloud's size, of which the first is given; out: their places in the
// cloud, and the canonical squared distance of each to those before it.
struct CloudPicks {
  int64_t start, count;
  int64_t* indices;
  double* radii2;
};

// What it took.
struct CloudStats {
  int64_t pairs = 0;      // points and picks
  int64_t box_pairs = 0;  // boxes and picks
};

}  // namespace pyuniform
