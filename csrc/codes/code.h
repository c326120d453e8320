// int8 codes: a row's code stands for scale * code, which is near x', the row in the frame.
//
// Codes serve two ends: to exclude picks that cannot be near (code_bounds.h), and, of some leading
// coordinates, to guess which picks are (sketch.h).
#pragma once

#include <cstdint>

#include "rows/frame.h"
#include "simd/kernels.h"

namespace pyuniform {

// The integer products of rows with more columns could overflow.
constexpr int64_t kMostCodeColumns = 1 << 16;

// What goes with the integers of a row's code.
struct Code {
  float scale;
  float error;  // a bound of the distance of the coded row from the row
  float norm2;  // of the coded row
};

// The least scale that keeps codes of these d values within the norms that sums allow; 0 if any
// scale does.
float least_step(const Kernels& kernels, const float* x, int64_t d, const CodeLimits& limits);

// Encodes d values of the frame; `error` and `norm2` come rounded up and down.
//
// Rows whose squares could overflow, so much larger are they than those the frame was made for, get
// zeros and an infinite error, which exclude nothing.
Code encode_row(const Kernels& kernels, const Frame& frame, const float* x, double x_norm2,
                int64_t d, const CodeLimits& limits, int8_t* code);

// Encodes values of which no error need be known, with a scale of `least_scale` or more, which is
// returned.
float guess_code(const Kernels& kernels, const float* x, double x_norm2, int64_t d, int levels,
                 float least_scale, int8_t* code);

// The bytes of a code of d columns as tiles want them, 128 more than the code, filled up with zeros
// to `columns`.
void store_code(const int8_t* values, int64_t d, int64_t columns, uint8_t* out);

}  // namespace pyuniform
