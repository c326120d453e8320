// Rows packed for the float32 tile.
#pragma once

#include <cstdint>
#include <vector>

#include "simd/kernels.h"

namespace pyuniform {

// Rows that lie `stride` floats apart, with room for the tile to read as many as it takes at a
// time.
class RowBlock {
 public:
  RowBlock(int64_t capacity, int64_t d, int tile_rows)
      // A stride that is a multiple of a page would put a tile's rows into one cache set.
      : stride(padded(d) + kLanes), values((capacity + tile_rows) * stride, 0.0f) {}

  float* row(int64_t r) { return values.data() + r * stride; }

  // Rows of a block that leaves most of a second-level cache to the panels.
  static int64_t best_capacity(int64_t d, int tile_rows) {
    const int64_t fits = (int64_t{384} << 10) / (sizeof(float) * (padded(d) + kLanes));
    const int64_t capacity = fits < 48 ? 48 : fits > 1024 ? 1024 : fits;
    return capacity / tile_rows * tile_rows;
  }

  const int64_t stride;

 private:
  std::vector<float> values;
};

}  // namespace pyuniform
