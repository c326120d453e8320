#include "picks/distances.h"

#include "core/thread_pool.h"
#include "picks/canonical_picks.h"
#include "picks/exact_distance.h"

namespace pyuniform {

void distances_to(const Kernels& kernels, const Matrix& matrix, int64_t begin, int64_t end,
                  const double* vector, int threads, double* out) {
  CanonicalPicks picks(matrix, true);
  picks.append(-1, vector);
  const double work = static_cast<double>(end - begin) * static_cast<double>(matrix.d);
  threads = useful_threads(work, threads);
  in_parallel(begin, end, even_step(end - begin, 1, threads), threads, [&](Share& share) {
    ExactDistance exact(matrix, kernels, picks);
    for (const auto [from, to] : share)
      for (int64_t i = from; i < to; ++i) out[i - begin] = exact.distance2(i, 0);
  });
}

}  // namespace pyuniform
