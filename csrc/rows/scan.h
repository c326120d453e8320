// The one validating read of the data.
#pragma once

#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

struct ScanResult {
  double max_abs;           // of the finite values
  int64_t first_nonfinite;  // the first row with a NaN or an infinity, or -1
  uint64_t fingerprint;     // sums, modulo 2^64, to that of a larger range
};

// Rows that may hold anything, and hold NaN, infinity or values beyond 2^500, become blank and are
// read as zeros, but for their fingerprint.
//
// Reads rows [begin, end), which are in memory; the fingerprint takes row i for row first + i. If
// `norm` is not null, writes the norm of row i to norm[i - begin]: the square root of the canonical
// squared distance to the origin.
ScanResult scan_rows(const Kernels& kernels, const Matrix& matrix, int64_t begin, int64_t end,
                     int64_t first, int threads, double* norm);

// Writes the fingerprint of row i alone, wherever it stands among others, to out[i - begin]. Rows
// [begin, end) are in memory.
void fingerprint_rows(const Kernels& kernels, const Matrix& matrix, int64_t begin, int64_t end,
                      int threads, uint64_t* out);

}  // namespace pyuniform
