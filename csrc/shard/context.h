// What all parts of a shard work with: the rows, the frame of the filters, and the picks.
#pragma once

#include "core/thread_pool.h"
#include "picks/canonical_picks.h"
#include "rows/frame.h"
#include "rows/matrix.h"
#include "simd/kernels.h"

namespace pyuniform {

// The shard owns it, and alone adds to `picks`; filters and searches keep a reference and read it.
struct ShardContext {
  // The matrix must outlive the context. `keeps_picks` is CanonicalPicks' own.
  ShardContext(const Matrix& matrix, const Kernels& kernels, const double* center, int exponent,
               int threads, bool keeps_picks)
      : matrix(matrix),
        kernels(kernels),
        frame(center, matrix.d, exponent, matrix.unit),
        threads(threads),
        picks(matrix, keeps_picks) {}

  // Whether some rows are not in memory. Threads that read such rows wait for the disk.
  bool rows_on_disk() const { return matrix.held < matrix.n; }

  // How many threads look at `count` rows in float64.
  int threads_for_rows(int64_t count) const {
    return rows_on_disk()
               ? threads
               : useful_threads(10.0 * static_cast<double>(count) * static_cast<double>(matrix.d),
                                threads);
  }

  const Matrix& matrix;
  const Kernels& kernels;
  const Frame frame;
  const int threads;
  CanonicalPicks picks;
};

// Picks that are added together, on their way into the shape that a filter or a search keeps.
struct NewPicks {
  const float* in_frame(int64_t c) const { return packed + c * stride; }

  int64_t count;
  const float* packed;  // their values in the frame, `stride` floats apart
  int64_t stride;
  const double* norm2;   // squared norms there
  const double* values;  // canonical values, count x padded(d)
};

}  // namespace pyuniform
