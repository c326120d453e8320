// Canonical values of picks, for what is decided in float64.
#pragma once

#include <algorithm>
#include <vector>

#include "core/aligned.h"
#include "rows/matrix.h"
#include "rows/row_reader.h"
#include "simd/kernels.h"

namespace pyuniform {

// With `keeps_all` all are kept, since they are looked at as soon as they matter; otherwise only
// those from elsewhere, and picks that are rows of the matrix are read there.
//
// Where rows are canonical as they are stored, in float32, picks are kept so too, which halves what
// a distance reads; a pick from elsewhere that float32 does not hold ends that.
class CanonicalPicks {
 public:
  CanonicalPicks(const Matrix& matrix, bool keeps_all);

  // The next pick: a row of the matrix, or -1, and its zero-padded values.
  void append(int64_t row, const double* values);

  int64_t size() const { return static_cast<int64_t>(place_.size()); }

  bool narrow() const { return narrow_; }

  // While picks are narrow: d values.
  const float* floats(int64_t pick) const {
    const int64_t place = place_[pick];
    return place < 0 ? reinterpret_cast<const float*>(matrix_.row(-1 - place))
                     : row(floats_, place);
  }

  // Zero-padded values, which may lie in `scratch`.
  const double* doubles(int64_t pick, RowReader& reader, double* scratch) const {
    const int64_t place = place_[pick];
    if (place >= 0 && !narrow_) return row(doubles_, place);
    if (place >= 0)
      std::copy_n(row(floats_, place), width_, scratch);
    else
      reader.canonical(-1 - place, scratch);
    return scratch;
  }

  void prefetch(int64_t pick) const {
    const int64_t place = place_[pick];
    if (place < 0)
      prefetch_bytes(matrix_.row(-1 - place), matrix_.d * item_size(matrix_.dtype));
    else if (narrow_)
      prefetch_bytes(row(floats_, place), width_ * sizeof(float));
    else
      prefetch_bytes(row(doubles_, place), width_ * sizeof(double));
  }

 private:
  static constexpr int64_t kGroup = 64;

  template <typename T>
  using Groups = std::vector<AlignedArray<T>>;

  template <typename T>
  T* row(const Groups<T>& groups, int64_t place) const {
    return groups[place / kGroup].get() + place % kGroup * width_;
  }

  template <typename T, typename From>
  void append_to(Groups<T>* groups, const From* values);

  bool fits(const double* values) const;

  void widen();

  const Matrix& matrix_;
  const bool keeps_all_;
  bool narrow_;
  int64_t width_, kept_ = 0;
  std::vector<int64_t> place_;  // among those kept, or -1 - row
  Groups<float> floats_;
  Groups<double> doubles_;
};

}  // namespace pyuniform
