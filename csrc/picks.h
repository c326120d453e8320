// Canonical values of picks, kept where picks are looked at in float64 as soon as they matter.
#pragma once

#include <algorithm>
#include <vector>

#include "aligned.h"
#include "core.h"

namespace pyuniform {

// Where rows are canonical as they are stored, in float32, picks are kept so too, which halves what
// a distance reads; a pick from elsewhere that float32 does not hold ends that.
class CanonicalPicks {
 public:
  CanonicalPicks(const Matrix& matrix)
      : narrow_(matrix.dtype == DType::f32 && !matrix.unit), width_(padded(matrix.d)) {}

  void append(const double* values) {
    if (narrow_ && !fits(values)) widen();
    if (narrow_)
      append_to(&floats_, values);
    else
      append_to(&doubles_, values);
    ++size_;
  }

  bool narrow() const { return narrow_; }

  // Zero-padded values, while picks are narrow and otherwise.
  const float* floats(int64_t pick) const { return row(floats_, pick); }
  const double* doubles(int64_t pick) const { return row(doubles_, pick); }

  void prefetch(int64_t pick) const {
    if (narrow_)
      prefetch_bytes(floats(pick), width_ * sizeof(float));
    else
      prefetch_bytes(doubles(pick), width_ * sizeof(double));
  }

  void copy(int64_t pick, double* out) const {
    if (narrow_)
      std::copy_n(floats(pick), width_, out);
    else
      std::copy_n(doubles(pick), width_, out);
  }

 private:
  static constexpr int64_t kGroup = 64;

  template <typename T>
  using Groups = std::vector<AlignedArray<T>>;

  template <typename T>
  T* row(const Groups<T>& groups, int64_t pick) const {
    return groups[pick / kGroup].get() + pick % kGroup * width_;
  }

  template <typename T, typename From>
  void append_to(Groups<T>* groups, const From* values) {
    if (size_ % kGroup == 0) groups->push_back(aligned_array<T>(kGroup * width_));
    std::copy_n(values, width_, row(*groups, size_));
  }

  bool fits(const double* values) const {
    return std::all_of(values, values + width_,
                       [](double v) { return static_cast<double>(static_cast<float>(v)) == v; });
  }

  void widen() {
    narrow_ = false;
    const int64_t size = size_;
    for (size_ = 0; size_ < size; ++size_) append_to(&doubles_, floats(size_));
    floats_.clear();
  }

  bool narrow_;
  int64_t width_, size_ = 0;
  Groups<float> floats_;
  Groups<double> doubles_;
};

}  // namespace pyuniform
