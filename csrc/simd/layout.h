// How rows and picks lie in memory for the kernels.
#pragma once

#include <cstdint>

namespace pyuniform {

// Picks in a panel: the width of one tile of the filter.
constexpr int kPanel = 32;

// Partial sums of the canonical distance. Partial sum l adds the terms j = l, l + 16, l + 32, ...
// in that order; then the upper half is added to the lower half until one is left (16, 8, 4, 2, 1).
// Canonical rows are padded with zeros to a multiple of this.
constexpr int kLanes = 16;

// Rows of more values are not put into boxes.
constexpr int64_t kBoxColumns = 8;

// Points of a box of a cloud, and boxes of a cloud, come in multiples of this.
constexpr int64_t kCloudStep = 8;

constexpr int64_t padded(int64_t d) { return (d + kLanes - 1) / kLanes * kLanes; }

}  // namespace pyuniform
