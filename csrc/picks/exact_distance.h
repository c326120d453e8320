// Canonical distances of one row at a time to picks, for whatever decides in float64.
#pragma once

#include <vector>

#include "picks/canonical_picks.h"
#include "rows/matrix.h"
#include "rows/row_reader.h"

namespace pyuniform {

class ExactDistance {
 public:
  ExactDistance(const Matrix& matrix, const Kernels& kernels, const CanonicalPicks& picks)
      : matrix_(matrix),
        kernels_(kernels),
        picks_(picks),
        reader_(matrix, kernels),
        row_(padded(matrix.d)),
        pick_(padded(matrix.d)) {}

  void prefetch(int64_t i) const { reader_.prefetch(i); }
  void prefetch_pick(int64_t pick) const { picks_.prefetch(pick); }

  // Of row i to a pick. A row that needs conversion is converted once while it is asked for.
  double distance2(int64_t i, int64_t pick) {
    if (picks_.narrow())
      return kernels_.distance2_f32(reinterpret_cast<const float*>(reader_.stored(i)),
                                    picks_.floats(pick), matrix_.d);
    if (i != current_) reader_.canonical(i, row_.data());
    current_ = i;
    return kernels_.distance2(row_.data(), picks_.doubles(pick, reader_, pick_.data()),
                              static_cast<int64_t>(row_.size()));
  }

 private:
  const Matrix& matrix_;
  const Kernels& kernels_;
  const CanonicalPicks& picks_;
  RowReader reader_;
  std::vector<double> row_, pick_;
  int64_t current_ = -1;
};

}  // namespace pyuniform
