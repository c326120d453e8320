// Many point clouds at once: checked together, and traversed side by side.
#pragma once

#include <cstdint>
#include <vector>

#include "clouds/cloud.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

// Clouds of one matrix in memory. Arrays have an element a cloud, and are the caller's.
struct Clouds {
  const Matrix& matrix;
  const int64_t* members;  // places of points in the matrix, or null: points of a cloud follow
                           // each other there
  const int64_t *first, *size;

  Cloud operator[](int64_t c) const {
    return {matrix, members ? members + first[c] : nullptr, first[c], size[c]};
  }
};

struct CloudScan {
  double max_abs;        // of the finite values
  int64_t cloud, point;  // the first with a NaN or an infinity, or -1
};

// Reads clouds [0, count).
CloudScan scan_clouds(const Kernels& kernels, const Clouds& clouds, int64_t count, int threads);

// What is wanted of each cloud: none, or picks that begin with the given one. Those of cloud c are
// written from out[c] on; see CloudPicks.
struct WantedPicks {
  const int64_t *start, *count, *out;
  int64_t* indices;
  double* radii2;
};

// Traverses those of clouds [begin, end) of which picks are wanted, each on one thread.
CloudStats pick_clouds(const Kernels& kernels, const Clouds& clouds, int64_t begin, int64_t end,
                       const WantedPicks& wanted, int threads);

}  // namespace pyuniform
