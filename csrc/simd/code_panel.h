// Codes of picks, and what a tile of codes computes of them.
#pragma once

#include <cstdint>

#include "simd/layout.h"

namespace pyuniform {

// Codes of the picks of one panel: code 4 g + b of pick c is values[(g * kPanel + c) * 4 + b].
struct CodePanel {
  int8_t* values;
  float half[kPanel], scale[kPanel];
  int32_t offset[kPanel];  // -128 times the sum of a pick's codes
  // The same of each segment s and each half of its groups, the first two and the last two of each
  // four codes: segment_offset[(s * kPanel + c) * 2 + half], modulo 2^16.
  uint16_t* segment_offset;
};

// Columns of a segment, over which a tile may add products up in 16 bits, two columns of each four
// in one sum and the others in another. What is scanned of a sketch is one segment.
constexpr int64_t kSegment = 48;

// What codes may be: integers of at most `levels`, and, in any half of a segment, of at most this
// norm before they are rounded, which adds half a unit a column. Infinite where sums have 32 bits.
struct CodeLimits {
  int levels;
  float norm;
};

// 32-bit sums take any.
constexpr CodeLimits kAnyCodes = {127, __builtin_inff()};

// What is scanned of sketches has codes of at most this norm, so that a product, and any part of
// it, fits into 16 bits: rounding adds at most half a unit a coordinate, and (175 + 5)^2 < 2^15.
constexpr float kSketchNorm = 175;
constexpr int64_t kMostScannedColumns = 96, kMostOtherColumns = 96;

// Tiles may leave out places where `half` is infinite, since nothing is below a limit there; values
// of these are not set.
//
// value[r * kPanel + c] = half[c] - scale[c] * row_scale[r] * <codes of rows[r], codes of pick c>,
// exact but for four roundings to float32, for n <= tile_rows rows that lie `stride` bytes apart: 4
// * groups bytes, each 128 more than a code, since byte products have one factor without a sign.
// Bit c of below[r] says whether that value is smaller than limit[r]. Reads, but does not use, up
// to tile_rows rows.
using CodeTile = void(const uint8_t* rows, int64_t stride, int n, const CodePanel& panel,
                      int64_t groups, const float* row_scale, const float* limit, float* value,
                      uint32_t* below);

}  // namespace pyuniform
