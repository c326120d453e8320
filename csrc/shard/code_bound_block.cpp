#include "shard/code_bound_block.h"

#include "codes/code.h"

namespace pyuniform {

void CodeBoundBlock::apply(int64_t slot, const float* values, uint32_t bits, int64_t p) {
  const double before = bound[slot];
  const Code& row = packed_[slot];
  for (; bits; bits &= bits - 1) {
    const int c = __builtin_ctz(bits);
    const int64_t pick = p * kPanel + c;
    const double upper2 =
        tables_.bounds.upper2(row, tables_.picks[pick], tables_.panels[p].half[c], values[c]) *
        frame_.unit2;
    if (!(upper2 < bound[slot])) continue;  // NaN, too, says nothing
    bound[slot] = upper2;
    rows[slot].nearest = unproven(static_cast<int32_t>(pick));
    rows[slot].changed = true;
  }
  if (bound[slot] < before) set_limit(slot);
}

}  // namespace pyuniform
