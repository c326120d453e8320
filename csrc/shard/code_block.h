// The int8 filter: codes exclude most picks, float64 decides the others at once. So bounds are the
// exact distances of `nearest`, and of a row that is up to date nothing remains to be settled.
//
// Where codes are not kept, since most rows never come here, a row is encoded when it is loaded.
#pragma once

#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "rows/row_reader.h"
#include "shard/coded_block.h"
#include "shard/exact_distance.h"

namespace pyuniform {

class CodeBlock final : public CodedBlock {
 public:
  CodeBlock(const Matrix& matrix, const Kernels& kernels, const Frame& frame,
            const CodeBounds& bounds, const Codes& codes, const CodePanels& panels,
            const CanonicalPicks& picks)
      : CodedBlock(kernels, frame, bounds, codes, panels,
                   codes.empty() ? matrix.d * item_size(matrix.dtype) : codes.columns()),
        kernels_(kernels),
        reader_(matrix, kernels),
        decider_(matrix, kernels, picks),
        in_frame_(matrix.d),
        values_(matrix.d) {}

  void prefetch(int64_t i) const override {
    codes_.empty() ? reader_.prefetch(i) : CodedBlock::prefetch(i);
  }

  void load(int64_t slot) override {
    if (rows[slot].nearest < -1) prove(slot);
    if (!codes_.empty()) return CodedBlock::load(slot);
    const int64_t d = static_cast<int64_t>(values_.size());
    const double norm2 = reader_.pack(rows[slot].row, frame_, in_frame_.data());
    const Code code = encode_row(kernels_, frame_, in_frame_.data(), norm2, d, kernels_.row_codes,
                                 values_.data());
    packed_.set(slot, code, values_.data(), d);
    set_limit(slot);
  }

  bool expect(int64_t slot, float* values, uint32_t& bits, int64_t p) override {
    decider_.prefetch(rows[slot].row);
    decider_.prefetch_pick(p * kPanel + most_promising(values, bits));
    return true;
  }

  void take(int64_t slot, const float* values, uint32_t bits, int64_t p) override {
    Row& row = rows[slot];
    while (bits) {
      // The most promising first: what it teaches may exclude the others.
      const int best = most_promising(values, bits);
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

 private:
  static int most_promising(const float* values, uint32_t bits) {
    int best = __builtin_ctz(bits);
    for (uint32_t left = bits; left; left &= left - 1)
      if (values[__builtin_ctz(left)] < values[best]) best = __builtin_ctz(left);
    return best;
  }

  // The bound is one from codes: it becomes the pick's distance.
  void prove(int64_t slot) {
    Row& row = rows[slot];
    row.nearest = unproven(row.nearest);
    row.changed = true;
    bound[slot] = decider_.distance2(row.row, row.nearest);
    ++stats.exact_pairs;
  }

  const Kernels& kernels_;
  RowReader reader_;
  ExactDistance decider_;
  std::vector<float> in_frame_;  // of the row that is loaded
  std::vector<int8_t> values_;
};

}  // namespace pyuniform
