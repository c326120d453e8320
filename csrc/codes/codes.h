// The codes of all rows of a shard.
#pragma once

#include <cstdint>
#include <memory>

#include "codes/code.h"
#include "core/aligned.h"

namespace pyuniform {

// Codes by row.
class Codes {
 public:
  // Room for the codes of so many rows of d columns.
  void resize(int64_t rows, int64_t d) {
    stride_ = padded_columns(d);
    values_.reset(new uint8_t[rows * stride_]);  // not touched yet: threads will, side by side
    code_.reset(new Code[rows]);
  }

  // Columns that are stored: tiles take them in groups of four.
  static int64_t padded_columns(int64_t d) { return (d + 3) / 4 * 4; }

  bool empty() const { return stride_ == 0; }
  const uint8_t* row(int64_t i) const { return values_.get() + i * stride_; }
  const Code& operator[](int64_t i) const { return code_[i]; }
  int64_t columns() const { return stride_; }

  void set(int64_t i, const Code& code, const int8_t* values, int64_t d) {
    store_code(values, d, stride_, values_.get() + i * stride_);
    code_[i] = code;
  }

  void prefetch(int64_t i) const {
    prefetch_bytes(row(i), stride_);
    prefetch_value(code_[i]);
  }

 private:
  int64_t stride_ = 0;
  std::unique_ptr<uint8_t[]> values_;
  std::unique_ptr<Code[]> code_;
};

}  // namespace pyuniform
