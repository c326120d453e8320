#include "rows/distances.h"

#include <vector>

#include "core/thread_pool.h"
#include "rows/row_reader.h"

namespace pyuniform {

void distances_to(const Kernels& kernels, const Matrix& matrix, int64_t begin, int64_t end,
                  const double* vector, int threads, double* out) {
  const int64_t d = matrix.d, width = padded(d);
  // Two rows of float32 are compared as they are stored, if the vector is a float32 row too.
  std::vector<float> narrow(matrix.dtype == DType::f32 && !matrix.unit ? d : 0);
  bool same = !narrow.empty();
  for (int64_t j = 0; j < d && same; ++j) {
    narrow[j] = static_cast<float>(vector[j]);
    same = narrow[j] == vector[j];
  }
  threads = useful_threads(static_cast<double>((end - begin) * d), threads);
  in_parallel(begin, end, even_step(end - begin, 1, threads), threads, [&](Share& share) {
    RowReader reader(matrix, kernels);
    std::vector<double> row(width);
    for (const auto [from, to] : share) {
      for (int64_t i = from; i < to; ++i) {
        if (same) {
          out[i - begin] = kernels.distance2_f32(reinterpret_cast<const float*>(reader.stored(i)),
                                                 narrow.data(), d);
          continue;
        }
        reader.canonical(i, row.data());
        out[i - begin] = kernels.distance2(row.data(), vector, width);
      }
    }
  });
}

}  // namespace pyuniform
