// Reading rows of a Matrix: as canonical float64, and as the filter's float32.
#pragma once

#include <cstdint>
#include <vector>

#include "core/aligned.h"
#include "rows/frame.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

// One thread's reader; holds the scratch a row needs on its way.
class RowReader {
 public:
  RowReader(const Matrix& matrix, const Kernels& kernels);

  // Row i as it is stored.
  const char* stored(int64_t i) {
    if (matrix_.is_blank(i)) return matrix_.zeros;
    if (matrix_.holds(i)) return matrix_.row(i);
    return i == at_ ? fetched_.data() : fetch(i);
  }

  // Row i as the canonical distance sees it: float64, divided by its norm for cosine, zero-padded.
  void canonical(int64_t i, double* out);

  // Asks for row i early: gathered rows are where no hardware prefetcher expects them.
  void prefetch(int64_t i) const {
    if (!matrix_.holds(i)) return;
    prefetch_bytes(matrix_.row(i), matrix_.d * item_size(matrix_.dtype));
  }

  // Row i in the filter's frame; returns its squared norm there.
  double pack(int64_t i, const Frame& frame, float* out);

 private:
  // Reads row i from its file. It is not mapped: a page fault brings in, and charges to the
  // process, far more than a row.
  const char* fetch(int64_t i);

  void widen(int64_t i, double* out);

  // `wide` is row i, widened; it is not looked at where norms are known.
  double norm_of(int64_t i, const double* wide) const;

  const Matrix& matrix_;
  const Kernels& kernels_;
  std::vector<double> wide_, origin_;
  std::vector<char> fetched_;
  int64_t at_ = -1;
};

}  // namespace pyuniform
