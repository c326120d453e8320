// The closest pair of a set of rows: h_min, exact, by the same filter.
#pragma once

#include "rows/frame.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

struct ClosestPair {
  double distance2;       // canonical; infinite while there is none
  int64_t first, second;  // first < second; of equal pairs the lexicographically lowest
};

// Tightens *best by the pairs of rows i < j with i in [begin, end), j in [columns_begin,
// columns_end). Calls over a partition of all pairs, in any order, find the closest pair.
void closest_pair(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
                  int64_t end, int64_t columns_begin, int64_t columns_end, int threads,
                  ClosestPair* best);

}  // namespace pyuniform
