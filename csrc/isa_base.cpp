// Plain C++: builds and gives the same answers on any architecture.
#include "core.h"

namespace pyuniform {
namespace {

#include "isa_loops.inl"

double distance2(const double* x, const double* y, int64_t padded_d) {
  double sum[kLanes] = {};
  for (int64_t j = 0; j < padded_d; j += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const double difference = x[j + l] - y[j + l];
      sum[l] += difference * difference;
    }
  }
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
  return sum[0];
}

constexpr int kRows = 4;
constexpr int kColumns = 8;

void tile(const float* rows, int64_t stride, int n, const float* panel, const float* half,
          int64_t d, const float* limit, float* value, uint32_t* below) {
  for (int c = 0; c < kPanel; c += kColumns) {
    float sum[kRows][kColumns] = {};
    for (int64_t j = 0; j < d; ++j)
      for (int r = 0; r < kRows; ++r)
        for (int l = 0; l < kColumns; ++l)
          sum[r][l] += rows[r * stride + j] * panel[j * kPanel + c + l];
    for (int r = 0; r < n; ++r)
      for (int l = 0; l < kColumns; ++l) value[r * kPanel + c + l] = half[c + l] - sum[r][l];
  }
  for (int r = 0; r < n; ++r) {
    uint32_t bits = 0;
    for (int c = 0; c < kPanel; ++c)
      bits |= static_cast<uint32_t>(value[r * kPanel + c] < limit[r]) << c;
    below[r] = bits;
  }
}

}  // namespace

const Kernels kernels_base = {"base", kRows, widen, pack, distance2, tile};

}  // namespace pyuniform
