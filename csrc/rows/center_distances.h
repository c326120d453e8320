// How far rows lie from a center, at most.
#pragma once

#include <cstdint>

#include "rows/frame.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

// Writes to out[i - begin] an upper bound of the canonical squared distance of row i to the center
// that `frame` was made for, whose values in the frame, not rounded to float32, are `center`; close
// to it by five digits, unless float32 overflows in the frame: then by fifteen. Reads rows [begin,
// end), and blank ones as zeros.
void center_distances(const Kernels& kernels, const Matrix& matrix, const Frame& frame,
                      const double* center, int64_t begin, int64_t end, int threads, double* out);

}  // namespace pyuniform
