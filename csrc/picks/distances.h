// The distances of rows to one vector.
#pragma once

#include <cstdint>

#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

// Writes the canonical squared distance of each row of [begin, end) to `vector` to out[i - begin].
// The vector is canonical, with padded(d) values.
void distances_to(const Kernels& kernels, const Matrix& matrix, int64_t begin, int64_t end,
                  const double* vector, int threads, double* out);

}  // namespace pyuniform
