#include "picks/canonical_picks.h"

#include <algorithm>

namespace pyuniform {

CanonicalPicks::CanonicalPicks(const Matrix& matrix, bool keeps_all)
    : matrix_(matrix),
      keeps_all_(keeps_all),
      narrow_(matrix.dtype == DType::f32 && !matrix.unit),
      width_(padded(matrix.d)) {}

template <typename T, typename From>
void CanonicalPicks::append_to(Groups<T>* groups, const From* values) {
  if (kept_ % kGroup == 0) groups->push_back(aligned_array<T>(kGroup * width_));
  std::copy_n(values, width_, row(*groups, kept_));
}

void CanonicalPicks::append(int64_t row, const double* values) {
  if (!keeps_all_ && row >= 0) {
    place_.push_back(-1 - row);
    return;
  }
  if (narrow_ && !fits(values)) widen();
  if (narrow_)
    append_to(&floats_, values);
  else
    append_to(&doubles_, values);
  place_.push_back(kept_++);
}

bool CanonicalPicks::fits(const double* values) const {
  return std::all_of(values, values + width_,
                     [](double v) { return static_cast<double>(static_cast<float>(v)) == v; });
}

void CanonicalPicks::widen() {
  narrow_ = false;
  const int64_t kept = kept_;
  for (kept_ = 0; kept_ < kept; ++kept_) append_to(&doubles_, row(floats_, kept_));
  floats_.clear();
}

}  // namespace pyuniform
