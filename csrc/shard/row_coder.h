// From rows of a matrix to their int8 codes.
#pragma once

#include <vector>

#include "codes/code.h"
#include "rows/frame.h"
#include "rows/matrix.h"
#include "rows/row_reader.h"

namespace pyuniform {

// One thread's coder; holds the scratch a row needs on its way.
class RowCoder {
 public:
  RowCoder(const Matrix& matrix, const Kernels& kernels, const Frame& frame)
      : kernels_(kernels),
        frame_(frame),
        reader_(matrix, kernels),
        in_frame_(matrix.d),
        values_(matrix.d) {}

  void prefetch(int64_t i) const { reader_.prefetch(i); }

  // Encodes row i. `values` has the d values of its code, and `norm2` the squared norm of the row
  // in the frame, until the next call.
  Code encode(int64_t i) {
    norm2_ = reader_.pack(i, frame_, in_frame_.data());
    return encode_row(kernels_, frame_, in_frame_.data(), norm2_, columns(), kernels_.row_codes,
                      values_.data());
  }

  const int8_t* values() const { return values_.data(); }
  double norm2() const { return norm2_; }
  int64_t columns() const { return static_cast<int64_t>(values_.size()); }

 private:
  const Kernels& kernels_;
  const Frame& frame_;
  RowReader reader_;
  std::vector<float> in_frame_;
  std::vector<int8_t> values_;
  double norm2_ = 0;
};

}  // namespace pyuniform
