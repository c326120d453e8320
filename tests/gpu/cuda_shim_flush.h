// What a compiler makes of `float` where it was asked to flush to zero (-ftz=true): operations take
// numbers below the normal range for zero, and return zero for them. Loads, stores and moves keep
// them, and so do doubles. After this header `float` is such a type.
#pragma once

#include "cuda_shim.h"

namespace shim {

inline float flush(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

class Flushed {
 public:
  Flushed() = default;
  Flushed(float x) : value_(x) {}
  Flushed(int x) : value_(static_cast<float>(x)) {}
  Flushed(double x) : value_(flush(static_cast<float>(x))) {}
  explicit operator double() const { return flush(value_); }
  float kept() const { return value_; }

  friend Flushed operator+(Flushed x, Flushed y) {
    return flush(flush(x.value_) + flush(y.value_));
  }
  friend Flushed operator-(Flushed x, Flushed y) {
    return flush(flush(x.value_) - flush(y.value_));
  }
  friend Flushed operator*(Flushed x, Flushed y) {
    return flush(flush(x.value_) * flush(y.value_));
  }
  Flushed& operator+=(Flushed x) { return *this = *this + x; }
  friend bool operator<(Flushed x, Flushed y) { return flush(x.value_) < flush(y.value_); }
  friend bool operator>(Flushed x, Flushed y) { return y < x; }

 private:
  float value_;
};

inline Flushed flushed_from_above(double x) { return flush(__double2float_ru(x)); }

}  // namespace shim

inline int __float_as_int(shim::Flushed x) { return shim::bits<int>(x.kept()); }
#define __double2float_ru(x) shim::flushed_from_above(x)
#define float shim::Flushed
