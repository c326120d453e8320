#include "rows/center_distances.h"

#include <cmath>
#include <vector>

#include "core/thread_pool.h"
#include "rows/row_reader.h"

namespace pyuniform {
namespace {

// One thread's distances.
class CenterDistance {
 public:
  CenterDistance(const Kernels& kernels, const Matrix& matrix, const Frame& frame,
                 const double* center)
      : kernels_(kernels),
        frame_(frame),
        reader_(matrix, kernels),
        packed_(matrix.d),
        row_(padded(matrix.d)),
        center_(padded(matrix.d)),
        rounding_(static_cast<double>(matrix.d + 8) * 0x1p-52) {
    double shift2 = 0;
    const double unit = std::sqrt(frame.unit2);
    for (int64_t j = 0; j < matrix.d; ++j) {
      center_[j] = center[j] * unit;
      const double apart = center[j] - frame.center[j];
      shift2 += apart * apart;
    }
    shift_ = std::sqrt(shift2) * (1 + rounding_);
  }

  double upper2(int64_t i) {
    const double norm2 = reader_.pack(i, frame_, packed_.data());
    if (norm2 < 0x1p120) {
      const double norm = std::sqrt(norm2) * (1 + rounding_);
      const double reach = norm + frame_.entry_error(norm) + shift_;
      return frame_.unit2 * (reach * reach) * (1 + rounding_);
    }
    reader_.canonical(i, row_.data());
    return kernels_.distance2(row_.data(), center_.data(), padded(packed_.size())) *
           (1 + rounding_);
  }

 private:
  const Kernels& kernels_;
  const Frame& frame_;
  RowReader reader_;
  std::vector<float> packed_;
  std::vector<double> row_, center_;
  const double rounding_;  // more than what a sum of d + 8 terms can lose, relatively
  double shift_;           // from the center to the frame's, in the frame's units
};

}  // namespace

void center_distances(const Kernels& kernels, const Matrix& matrix, const Frame& frame,
                      const double* center, int64_t begin, int64_t end, int threads, double* out) {
  const double work = static_cast<double>(end - begin) * static_cast<double>(matrix.d);
  threads = useful_threads(work, threads);
  in_parallel(begin, end, even_step(end - begin, 16, threads), threads, [&](Share& share) {
    CenterDistance distance(kernels, matrix, frame, center);
    for (const auto [from, to] : share)
      for (int64_t i = from; i < to; ++i) out[i - begin] = distance.upper2(i);
  });
}

}  // namespace pyuniform
