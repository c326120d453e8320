#include "shard/code_block.h"

#include "codes/code.h"

namespace pyuniform {
namespace {

int most_promising(const float* values, uint32_t bits) {
  int best = __builtin_ctz(bits);
  for (uint32_t left = bits; left; left &= left - 1)
    if (values[__builtin_ctz(left)] < values[best]) best = __builtin_ctz(left);
  return best;
}

}  // namespace

CodeBlock::CodeBlock(const ShardContext& context, const CodeTables& tables)
    : CodedBlock(context, tables,
                 tables.rows.empty() ? context.matrix.d * item_size(context.matrix.dtype)
                                     : tables.rows.columns()),
      coder_(context.matrix, context.kernels, context.frame),
      decider_(context.matrix, context.kernels, context.picks) {}

void CodeBlock::prefetch(int64_t i) const {
  tables_.rows.empty() ? coder_.prefetch(i) : CodedBlock::prefetch(i);
}

void CodeBlock::load(int64_t slot) {
  if (rows[slot].nearest < -1) prove(slot);
  if (!tables_.rows.empty()) return CodedBlock::load(slot);
  const Code code = coder_.encode(rows[slot].row);
  packed_.set(slot, code, coder_.values(), coder_.columns());
  set_limit(slot);
}

// The bound is one from codes: it becomes the pick's distance.
void CodeBlock::prove(int64_t slot) {
  Row& row = rows[slot];
  row.nearest = unproven(row.nearest);
  row.changed = true;
  bound[slot] = decider_.distance2(row.row, row.nearest);
  ++stats.exact_pairs;
}

bool CodeBlock::postpone(int64_t slot, float* values, uint32_t& bits, int64_t p) {
  decider_.prefetch(rows[slot].row);
  decider_.prefetch_pick(p * kPanel + most_promising(values, bits));
  return true;
}

void CodeBlock::apply(int64_t slot, const float* values, uint32_t bits, int64_t p) {
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

}  // namespace pyuniform
