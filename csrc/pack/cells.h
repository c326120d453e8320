// Picks of few columns, by where they lie: in cells as wide as the reach, so that a pick within
// reach of a row lies in the row's cell or in one that touches it. No bounds, float64 throughout.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "simd/kernels.h"

namespace pyuniform {

// Rows of more values have too many cells around them.
constexpr int64_t kCellColumns = 3;

class Cells {
 public:
  // Picks at a canonical squared distance of up to `within2` >= 0 are within reach; `largest` is
  // about the largest magnitude of a value.
  Cells(const Kernels& kernels, int64_t d, double within2, double largest);

  // The next pick: canonical values, zero-padded.
  void add(const double* values);

  // The number of the first pick within reach of such values, or -1; sets *distance2, and adds
  // to *pairs how many picks were looked at.
  int64_t first_within(const double* values, double* distance2, int64_t* pairs) const;

 private:
  using Cell = std::array<int32_t, kCellColumns>;
  struct Hash {
    size_t operator()(const Cell& cell) const;
  };

  Cell cell_of(const double* values) const;
  void look(const Cell& cell, const double* values, int64_t* first, double* distance2,
            int64_t* pairs) const;

  const Kernels& kernels_;
  const int64_t d_, width_;
  const double within2_, side_;
  std::unordered_map<Cell, int32_t, Hash> last_;  // the last pick in each cell
  std::vector<int32_t> before_;                   // by pick, the one before it in its cell, or -1
  std::vector<double> values_;
};

}  // namespace pyuniform
