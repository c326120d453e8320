// Sketches of picks.
#pragma once

#include <cstdint>
#include <vector>

#include "codes/code.h"
#include "codes/code_panels.h"
#include "simd/kernels.h"

namespace pyuniform {

// What is scanned is in panels, and the other coordinates are by pick.
class PickSketches {
 public:
  PickSketches(int64_t p, int64_t scanned)
      : scanned_(scanned), others_(p - scanned), panels_(scanned, scanned) {}

  void append(const Code& sketch, const int8_t* code) {
    panels_.append(code, scanned_, sketch.scale, sketch.norm2 / 2);
    values_.insert(values_.end(), code + scanned_, code + scanned_ + others_);
    more_half_.push_back(sketch.error / 2);
  }

  int64_t scanned() const { return scanned_; }
  int64_t others() const { return others_; }
  const CodePanels& panels() const { return panels_; }
  // Of picks of panel p: the others, and half of what they add to the norm.
  const int8_t* others_of(int64_t p) const { return values_.data() + p * kPanel * others_; }
  const float* more_half_of(int64_t p) const { return more_half_.data() + p * kPanel; }

 private:
  int64_t scanned_, others_;
  CodePanels panels_;
  std::vector<int8_t> values_;
  std::vector<float> more_half_;
};

}  // namespace pyuniform
