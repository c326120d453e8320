#include "shard.h"

#include <algorithm>
#include <cstring>

#include "rows.h"

namespace pyuniform {

Shard::Shard(const Matrix& matrix, const double* center, int exponent, int threads)
    : kernels_(active_kernels()),
      matrix_(matrix),
      frame_(center, matrix.d, exponent, matrix.norm != nullptr),
      threads_(threads),
      panels_(matrix.d),
      bound_(matrix.n, std::numeric_limits<double>::infinity()),
      second_(matrix.n, std::numeric_limits<float>::infinity()),
      nearest_(matrix.n, -1),
      seen_(matrix.n, 0) {}

void Shard::add_picks(const int64_t* rows, const double* values, int64_t count) {
  const int64_t width = padded(matrix_.d);
  std::vector<float> packed(matrix_.d);
  for (int64_t p = 0; p < count; ++p) {
    // Canonical values are divided by their norm already: the frame's scale is that of a unit row.
    const double norm2 = kernels_.pack(values + p * width, DType::f64, frame_.scale(1),
                                       frame_.center.data(), matrix_.d, packed.data(), nullptr);
    panels_.append(frame_, packed.data(), norm2);
    pick_row_.push_back(rows[p]);
    pick_far_.emplace_back();
    if (rows[p] >= 0) {
      bound_[rows[p]] = -1;
    } else {
      pick_far_.back().reset(new double[width]);
      std::memcpy(pick_far_.back().get(), values + p * width, width * sizeof(double));
    }
  }
}

double Shard::threshold(int64_t count) const {
  const int64_t step = std::max<int64_t>(1, matrix_.n >> 16);
  std::vector<double> sample;
  sample.reserve(matrix_.n / step + 1);
  for (int64_t i = 0; i < matrix_.n; i += step) sample.push_back(bound_[i]);
  const int64_t rank = std::min<int64_t>(count / step, static_cast<int64_t>(sample.size()) - 1);
  std::nth_element(sample.begin(), sample.begin() + rank, sample.end(), std::greater<double>());
  return sample[rank];
}

void Shard::read(const int64_t* rows, int64_t count, double* values, double* distance2,
                 int32_t* nearest) {
  const int64_t width = padded(matrix_.d);
#pragma omp parallel num_threads(threads_)
  {
    RowReader reader(matrix_, kernels_);
#pragma omp for schedule(static)
    for (int64_t m = 0; m < count; ++m) {
      if (values) reader.canonical(rows[m], values + m * width);
      distance2[m] = bound_[rows[m]];
      nearest[m] = nearest_[rows[m]];
    }
  }
}

void Shard::write(const int64_t* rows, int64_t count, const double* distance2,
                  const int32_t* nearest, const int32_t* seen) {
  for (int64_t m = 0; m < count; ++m) {
    if (seen[m] < 0) continue;  // picked: add_picks takes it out of the race
    bound_[rows[m]] = distance2[m];
    nearest_[rows[m]] = nearest[m];
    seen_[rows[m]] = seen[m];
  }
}

void Shard::pick_values(int64_t pick, RowReader& reader, double* out) const {
  if (pick_row_[pick] >= 0)
    reader.canonical(pick_row_[pick], out);
  else
    std::memcpy(out, pick_far_[pick].get(), padded(matrix_.d) * sizeof(double));
}

}  // namespace pyuniform
