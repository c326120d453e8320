// The int8 filter: codes exclude most picks, float64 decides the others at once. So bounds are the
// exact distances of `nearest`, and of a row that is up to date nothing remains to be settled.
#pragma once

#include "block.h"
#include "codes.h"
#include "decider.h"
#include "far_block.h"

namespace pyuniform {

class CodeBlock final : public Block {
 public:
  CodeBlock(const Matrix& matrix, const Kernels& kernels, const Frame& frame,
            const CodeBounds& bounds, const Codes& codes, const CodePanels& panels,
            const CanonicalPicks& picks)
      : Block(kRows / kernels.tile_rows * kernels.tile_rows, kernels.tile_rows),
        frame_(frame),
        bounds_(bounds),
        codes_(codes),
        panels_(panels),
        packed_(kernels, kernels.code_tile, codes, capacity),
        decider_(matrix, kernels, picks) {}

  void prefetch(int64_t i) const override { codes_.prefetch(i); }

  void load(int64_t slot) override {
    packed_.load(slot, rows[slot].row);
    if (rows[slot].nearest < -1) prove(slot);
    set_limit(slot);
  }

  void scan(int64_t at, int n, int64_t p) override {
    packed_.scan(at, n, panels_[p], value.data(), flags.data());
    stats.filter_pairs += n * panels_.filled(p);
    stats.int8_madds += n * kPanel * codes_.columns();
  }

  void expect(int64_t slot, const float*, uint32_t) const override {
    decider_.prefetch(rows[slot].row);
  }

  void take(int64_t slot, const float* values, uint32_t bits, int64_t p) override {
    Row& row = rows[slot];
    while (bits) {
      // The most promising first: what it teaches may exclude the others.
      int best = __builtin_ctz(bits);
      for (uint32_t left = bits; left; left &= left - 1)
        if (values[__builtin_ctz(left)] < values[best]) best = __builtin_ctz(left);
      bits &= ~(1u << best);
      const int32_t c = static_cast<int32_t>(p * kPanel + best);
      if (c == row.nearest) continue;
      if (values[best] >= packed_.limit[slot]) return;
      const double distance2 = decider_.distance2(row.row, c);
      ++stats.exact_pairs;
      ++stats.decided;
      if (distance2 > bound[slot] || (distance2 == bound[slot] && c > row.nearest)) continue;
      bound[slot] = distance2;
      row.nearest = c;
      row.changed = true;
      set_limit(slot);
    }
  }

  void move(int64_t from, int64_t to) override { packed_.move(from, to); }

 private:
  // The bound is one from codes: it becomes the pick's distance.
  void prove(int64_t slot) {
    Row& row = rows[slot];
    row.nearest = FarBlock::unproven(row.nearest);
    row.changed = true;
    bound[slot] = decider_.distance2(row.row, row.nearest);
    ++stats.exact_pairs;
  }

  // Enough for a panel's codes to be read from the second-level cache only now and then.
  static constexpr int64_t kRows = 256;

  void set_limit(int64_t slot) {
    packed_.limit[slot] = bounds_.limit(codes_[rows[slot].row], bound[slot] / frame_.unit2);
  }

  const Frame& frame_;
  const CodeBounds& bounds_;
  const Codes& codes_;
  const CodePanels& panels_;
  CodeRows packed_;
  Decider decider_;
};

}  // namespace pyuniform
