#include "pool/pair_filter.h"

#include "rows/rounding.h"

namespace pyuniform {

Columns::Columns(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
                 int64_t end)
    : begin(begin), panels(kernels, matrix.d) {
  RowReader reader(matrix, kernels);
  std::vector<float> packed(matrix.d);
  for (int64_t j = begin; j < end; ++j) {
    const double norm2 = reader.pack(j, frame, packed.data());
    panels.append(frame, packed.data(), norm2);
  }
}

PairFilter::PairFilter(const Kernels& kernels, const Matrix& matrix, const Frame& frame,
                       const Columns& columns)
    : kernels_(kernels),
      frame_(frame),
      columns_(columns),
      d_(matrix.d),
      reader_(matrix, kernels),
      packed_(kernels.tile_rows, matrix.d, kernels.tile_rows),
      x_(kernels.tile_rows * padded(matrix.d)),
      y_(padded(matrix.d)),
      have_x_(kernels.tile_rows),
      lower_(kernels.tile_rows),
      limit_(kernels.tile_rows),
      value_(kernels.tile_rows * kPanel),
      below_(kernels.tile_rows) {}

void PairFilter::load(int64_t at, int n) {
  at_ = at;
  n_ = n;
  for (int r = 0; r < n; ++r) {
    lower_[r] = frame_.row_lower(reader_.pack(at + r, frame_, packed_.row(r)));
    have_x_[r] = false;
  }
}

void PairFilter::set_limit(double distance2) {
  for (int r = 0; r < n_; ++r)
    limit_[r] = above(round_up((frame_.in_units(distance2) - lower_[r]) / 2));
}

void PairFilter::look_at(const Panel& panel) {
  kernels_.tile(packed_.row(0), packed_.stride, n_, panel.values.get(), panel.half_lower, d_,
                limit_.data(), value_.data(), below_.data(), nullptr);
}

double PairFilter::distance2(int r, int64_t j) {
  double* x = &x_[r * padded(d_)];
  if (!have_x_[r]) reader_.canonical(at_ + r, x);
  have_x_[r] = true;
  reader_.canonical(j, y_.data());
  return kernels_.distance2(x, y_.data(), padded(d_));
}

}  // namespace pyuniform
