#include "pack/cells.h"

#include <algorithm>
#include <cmath>

namespace pyuniform {
namespace {

// Cells are a little wider than the reach, which squares that underflow cannot tell from a bit
// more, and so wide that a value has few enough of them for its quotient to be exact enough: of
// 2^30 or less it errs by 2^-23.
double side_of(double within2, double largest) {
  return std::max((std::sqrt(within2) + 0x1p-536) * (1 + 0x1p-20), largest * 0x1p-29);
}

}  // namespace

Cells::Cells(const Kernels& kernels, int64_t d, double within2, double largest)
    : kernels_(kernels),
      d_(d),
      width_(padded(d)),
      within2_(within2),
      side_(side_of(within2, largest)) {}

size_t Cells::Hash::operator()(const Cell& cell) const {
  uint64_t h = 0;
  for (int32_t place : cell) {
    h = (h ^ static_cast<uint32_t>(place)) * kPrime;
    h ^= h >> 32;
  }
  return h;
}

Cells::Cell Cells::cell_of(const double* values) const {
  Cell cell = {};
  // Values beyond `largest`, of rows of other places, may share the last cell.
  for (int64_t j = 0; j < d_; ++j)
    cell[j] = static_cast<int32_t>(std::clamp(std::floor(values[j] / side_), -0x1p30, 0x1p30));
  return cell;
}

void Cells::add(const double* values) {
  const int32_t pick = static_cast<int32_t>(before_.size());
  const auto [at, is_new] = last_.try_emplace(cell_of(values), pick);
  before_.push_back(is_new ? -1 : at->second);
  at->second = pick;
  values_.insert(values_.end(), values, values + width_);
}

int64_t Cells::first_within(const double* values, double* distance2, int64_t* pairs) const {
  const Cell middle = cell_of(values);
  int64_t first = -1;
  int steps[kCellColumns];
  for (int64_t j = 0; j < kCellColumns; ++j) steps[j] = j < d_ ? 1 : 0;
  Cell cell;
  for (int x = -steps[0]; x <= steps[0]; ++x) {
    for (int y = -steps[1]; y <= steps[1]; ++y) {
      for (int z = -steps[2]; z <= steps[2]; ++z) {
        cell = {middle[0] + x, middle[1] + y, middle[2] + z};
        look(cell, values, &first, distance2, pairs);
      }
    }
  }
  return first;
}

// Whether a pick of the cell comes before the first found so far.
void Cells::look(const Cell& cell, const double* values, int64_t* first, double* distance2,
                 int64_t* pairs) const {
  const auto found = last_.find(cell);
  if (found == last_.end()) return;
  for (int32_t pick = found->second; pick >= 0; pick = before_[pick]) {
    ++*pairs;
    if (*first >= 0 && pick > *first) continue;
    const double apart2 = kernels_.distance2(values, &values_[pick * width_], width_);
    if (apart2 > within2_) continue;
    *first = pick;
    *distance2 = apart2;
  }
}

}  // namespace pyuniform
