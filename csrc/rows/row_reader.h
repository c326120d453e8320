// Reading rows of a Matrix: as canonical float64, and as the filter's float32.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/aligned.h"
#include "rows/frame.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

// One thread's reader; holds the scratch a row needs on its way.
class RowReader {
 public:
  RowReader(const Matrix& matrix, const Kernels& kernels)
      : matrix_(matrix),
        kernels_(kernels),
        wide_(padded(matrix.d)),
        origin_(matrix.unit && !matrix.norm ? padded(matrix.d) : 0) {}

  // Row i as it is stored. From a file it is read, not mapped: a page fault brings in, and charges
  // to the process, far more than a row.
  const char* stored(int64_t i) {
    if (matrix_.is_blank(i)) return matrix_.zeros;
    if (matrix_.holds(i)) return matrix_.row(i);
    if (i == at_) return fetched_.data();
    at_ = i;
    fetched_.resize(matrix_.d * item_size(matrix_.dtype));
    const FilePart* end = matrix_.parts + matrix_.part_count;
    const FilePart& part =
        *(std::upper_bound(matrix_.parts, end, i,
                           [](int64_t row, const FilePart& part) { return row < part.first; }) -
          1);
    const int64_t begin = part.begin + (i - part.first) * part.stride;
    size_t done = 0;
    while (done < fetched_.size()) {
      const ssize_t got =
          pread(part.file, fetched_.data() + done, fetched_.size() - done, begin + done);
      if (got <= 0) {
        matrix_.file_failed = true;
        std::fill(fetched_.begin() + done, fetched_.end(), '\0');
        break;
      }
      done += got;
    }
    return fetched_.data();
  }

  // Row i as the canonical distance sees it: float64, divided by its norm for cosine, zero-padded.
  void canonical(int64_t i, double* out) {
    widen(i, out);
    if (!matrix_.unit) return;
    const double norm = norm_of(i, out);
    for (int64_t j = 0; j < matrix_.d; ++j) out[j] /= norm;
  }

  // Asks for row i early: gathered rows are where no hardware prefetcher expects them.
  void prefetch(int64_t i) const {
    if (!matrix_.holds(i)) return;
    prefetch_bytes(matrix_.row(i), matrix_.d * item_size(matrix_.dtype));
  }

  // Row i in the filter's frame; returns its squared norm there.
  double pack(int64_t i, const Frame& frame, float* out) {
    if (matrix_.unit && !matrix_.norm) widen(i, wide_.data());
    const double scale = frame.scale(matrix_.unit ? norm_of(i, wide_.data()) : 1);
    return kernels_.pack(stored(i), matrix_.dtype, scale, frame.center.data(), matrix_.d, out,
                         wide_.data());
  }

 private:
  void widen(int64_t i, double* out) {
    kernels_.widen(stored(i), matrix_.dtype, matrix_.d, out);
    for (int64_t j = matrix_.d; j < padded(matrix_.d); ++j) out[j] = 0;
  }

  // `wide` is row i, widened; it is not looked at where norms are known.
  double norm_of(int64_t i, const double* wide) const {
    if (matrix_.is_blank(i)) return 1;
    if (matrix_.norm) return matrix_.norm[i];
    return std::sqrt(kernels_.distance2(wide, origin_.data(), padded(matrix_.d)));
  }

  const Matrix& matrix_;
  const Kernels& kernels_;
  std::vector<double> wide_, origin_;
  std::vector<char> fetched_;
  int64_t at_ = -1;
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
