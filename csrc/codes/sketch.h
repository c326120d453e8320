// Sketches: some coordinates of a row along axes, as a Code. The first are scanned, for all picks;
// the others tell more of those that look near then.
//
// What a sketch leaves out, r(x) of row x, adds to a distance |r(x)|^2 + |r(c)|^2 - 2 <r(x), r(c)>,
// and of rows that are near each other the last is not about zero, as of any two, but a good part
// of the norms. Those are asked for that are near: so norms are taken without that part.
#pragma once

#include "codes/code.h"

namespace pyuniform {

// Of the norms of what sketches leave out, what products of near rows make up: measured on text
// (docs/development/performance.md).
constexpr double kAligned = 0.3;

// The squared norm that goes with all coordinates of a sketch; `norm2` goes with those that are
// scanned, and `error` is the difference.
inline float all_norm2(const Code& sketch) { return sketch.norm2 + sketch.error; }

}  // namespace pyuniform
