// Upper bounds from codes alone, for rows that are dear to read: what parks most rows before the
// int8 filter, which decides in float64, has to fetch them.
#pragma once

#include "shard/coded_block.h"

namespace pyuniform {

// A row's bound becomes that of a pick whose coded distance, with both errors added, is within it;
// `nearest` then says so.
class FarBlock final : public CodedBlock {
 public:
  FarBlock(const Kernels& kernels, const Frame& frame, const CodeBounds& bounds, const Codes& codes,
           const CodePanels& panels, const std::vector<Code>& picks)
      : CodedBlock(kernels, frame, bounds, codes, panels, codes.columns()), picks_(picks) {}

  void take(int64_t slot, const float* values, uint32_t bits, int64_t p) override {
    const double before = bound[slot];
    const Code& row = packed_[slot];
    for (; bits; bits &= bits - 1) {
      const int c = __builtin_ctz(bits);
      const int64_t pick = p * kPanel + c;
      const double upper2 =
          bounds_.upper2(row, picks_[pick], panels_[p].half[c], values[c]) * frame_.unit2;
      if (!(upper2 < bound[slot])) continue;  // NaN, too, says nothing
      bound[slot] = upper2;
      rows[slot].nearest = unproven(static_cast<int32_t>(pick));
      rows[slot].changed = true;
    }
    if (bound[slot] < before) set_limit(slot);
  }

 private:
  const std::vector<Code>& picks_;
};

}  // namespace pyuniform
