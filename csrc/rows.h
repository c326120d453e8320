// Reading rows of a Matrix: as canonical float64, and as the filter's float32.
#pragma once

#include <vector>

#include "core.h"
#include "frame.h"

namespace pyuniform {

// One thread's reader; holds the scratch a row needs on its way.
class RowReader {
 public:
  RowReader(const Matrix& matrix, const Kernels& kernels)
      : matrix_(matrix), kernels_(kernels), wide_(padded(matrix.d)) {}

  // Row i as the canonical distance sees it: float64, divided by its norm for cosine, zero-padded.
  void canonical(int64_t i, double* out) {
    kernels_.widen(matrix_.row(i), matrix_.dtype, matrix_.d, out);
    if (matrix_.norm) {
      const double norm = matrix_.norm[i];
      for (int64_t j = 0; j < matrix_.d; ++j) out[j] /= norm;
    }
    for (int64_t j = matrix_.d; j < padded(matrix_.d); ++j) out[j] = 0;
  }

  // Asks for row i early: gathered rows are where no hardware prefetcher expects them.
  void prefetch(int64_t i) const {
    const char* row = matrix_.row(i);
    const int64_t bytes = matrix_.d * item_size(matrix_.dtype);
    for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(row + b);
  }

  // Row i in the filter's frame; returns its squared norm there.
  double pack(int64_t i, const Frame& frame, float* out) {
    const double scale = frame.scale(matrix_.norm ? matrix_.norm[i] : 1);
    return kernels_.pack(matrix_.row(i), matrix_.dtype, scale, frame.center.data(), matrix_.d, out,
                         wide_.data());
  }

 private:
  const Matrix& matrix_;
  const Kernels& kernels_;
  std::vector<double> wide_;
};

// Rows packed `stride` floats apart for the tile kernel, with room for it to read a full tile.
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
