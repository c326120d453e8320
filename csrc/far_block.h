// Upper bounds from codes alone, for rows that are dear to read: what parks most rows before the
// int8 filter, which decides in float64, has to fetch them.
#pragma once

#include <cmath>

#include "block.h"
#include "codes.h"

namespace pyuniform {

// A row's bound becomes that of a pick whose coded distance, with both errors added, is within it;
// `nearest` then says so: pick c as unproven(c).
class FarBlock final : public Block {
 public:
  FarBlock(const Kernels& kernels, const Frame& frame, const CodeBounds& bounds, const Codes& codes,
           const CodePanels& panels, const std::vector<Code>& picks)
      : Block(kRows / kernels.tile_rows * kernels.tile_rows, kernels.tile_rows),
        frame_(frame),
        bounds_(bounds),
        codes_(codes),
        panels_(panels),
        picks_(picks),
        packed_(kernels, kernels.code_tile, codes, capacity) {}

  static int32_t unproven(int32_t pick) { return -2 - pick; }

  void prefetch(int64_t i) const override { codes_.prefetch(i); }

  void load(int64_t slot) override {
    packed_.load(slot, rows[slot].row);
    set_limit(slot);
  }

  void scan(int64_t at, int n, int64_t p) override {
    packed_.scan(at, n, panels_[p], value.data(), flags.data());
    stats.filter_pairs += n * panels_.filled(p);
    stats.int8_madds += n * kPanel * codes_.columns();
  }

  void take(int64_t slot, const float* values, uint32_t bits, int64_t p) override {
    const double before = bound[slot];
    const Code& row = codes_[rows[slot].row];
    for (; bits; bits &= bits - 1) {
      const int c = __builtin_ctz(bits);
      const int64_t pick = p * kPanel + c;
      const double upper2 =
          bounds_.upper2(row, picks_[pick], panels_[p].half[c], values[c]) * frame_.unit2;
      if (upper2 >= bound[slot]) continue;
      bound[slot] = upper2;
      rows[slot].nearest = unproven(static_cast<int32_t>(pick));
      rows[slot].changed = true;
    }
    if (bound[slot] < before) set_limit(slot);
  }

  void move(int64_t from, int64_t to) override { packed_.move(from, to); }

 private:
  static constexpr int64_t kRows = 256;

  void set_limit(int64_t slot) {
    packed_.limit[slot] = bounds_.limit(codes_[rows[slot].row], bound[slot] / frame_.unit2);
  }

  const Frame& frame_;
  const CodeBounds& bounds_;
  const Codes& codes_;
  const CodePanels& panels_;
  const std::vector<Code>& picks_;
  CodeRows packed_;
};

}  // namespace pyuniform
