// All pairs of rows that are near each other, exact, by the filter of closest_pair.h.
#pragma once

#include <vector>

#include "rows/frame.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

struct NearRows {
  std::vector<int64_t> first, second;  // first < second
  std::vector<double> distance2;       // canonical
};

// The pairs of rows i < j, i in [begin, end), j in [columns_begin, columns_end), whose canonical
// squared distance is at most `floor2`, by i and then j. Returns false, and no pairs, if there are
// more than `most`.
bool near_rows(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
               int64_t end, int64_t columns_begin, int64_t columns_end, double floor2, int64_t most,
               int threads, NearRows* found);

}  // namespace pyuniform
