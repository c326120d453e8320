// float32 numbers on one side of a number, without a change of the rounding mode.
#pragma once

#include <cmath>

namespace pyuniform {

// A float32 above f, two units in the last place at most.
inline float above(float f) { return f + (std::fabs(f) * 0x1p-23f + 0x1p-149f); }

// A float32 that is not below x: rounding to nearest errs by less than what is added here. Without
// a branch, since half of all values would need one.
inline float round_up(double x) {
  return static_cast<float>(x * (1 + std::copysign(0x1.03p-24, x)) + 0x1.03p-150);
}

inline float round_down(double x) { return -round_up(-x); }

}  // namespace pyuniform
