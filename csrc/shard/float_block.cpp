#include "shard/float_block.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "rows/rounding.h"
#include "rows/row_block.h"
#include "shard/float_filter.h"

namespace pyuniform {
namespace {

// From so many columns on rows are parked after each half of a panel, where half a panel is what
// the tile works on: that spares pairs, which pays where they are long.
constexpr int64_t kLong = 128;

int64_t best_step(int64_t d, const Kernels& kernels) {
  return d < kLong || kernels.panel_width != kPanel / 2 ? kPanel : kernels.panel_width;
}

}  // namespace

FloatBlock::FloatBlock(const ShardContext& context, const Panels& panels, float* second)
    : Block(RowBlock::best_capacity(context.matrix.d, context.kernels.tile_rows),
            context.kernels.tile_rows, context.matrix.d * item_size(context.matrix.dtype),
            best_step(context.matrix.d, context.kernels)),
      d_(context.matrix.d),
      kernels_(context.kernels),
      frame_(context.frame),
      panels_(panels),
      second_(second),
      reader_(context.matrix, context.kernels),
      decider_(context.matrix, context.kernels, context.picks),
      packed_(capacity, d_, kernels_.tile_rows),
      state_(capacity),
      limit_(capacity + kernels_.tile_rows) {}

void FloatBlock::prefetch(int64_t i) const {
  reader_.prefetch(i);
  prefetch_value(second_[i]);
}

void FloatBlock::load(int64_t slot) {
  State& state = state_[slot];
  state.norm2 = reader_.pack(rows[slot].row, frame_, packed_.row(slot));
  state.second = second_[rows[slot].row];
}

void FloatBlock::prepare(int64_t begin, int64_t end) {
  for (int64_t slot = begin; slot < end; ++slot) {
    State& state = state_[slot];
    state.upper = frame_.row_upper(state.norm2);
    // Rounded down, so that no other pick's bound is taken to be larger than it is.
    state.best = round_down((frame_.in_units(bound[slot]) - state.upper) / 2);
    const double second = std::min(state.second, std::numeric_limits<float>::max());
    state.second = round_down((second - state.upper) / 2);
    limit_[slot] = matter_limit(state);
  }
}

void FloatBlock::scan(int64_t at, int n, int64_t p) {
  const int64_t first = p * width, part = first % kPanel;
  const Panel& panel = panels_[first / kPanel];
  const float* half = width == kPanel ? panel.half_upper : panel.split_upper[part / width];
  kernels_.tile(packed_.row(at), packed_.stride, n, panel.values.get() + part * d_, half, d_,
                &limit_[at], value.data(), flags.data(), hook);
  stats.filter_pairs += n * std::min(width, panels_.size() - first);
  stats.float32_madds += n * width * d_;
}

void FloatBlock::apply(int64_t slot, const float* values, uint32_t bits, int64_t p) {
  State& state = state_[slot];
  float best = state.best, second = state.second;
  int nearest = -1;
  for (; bits; bits &= bits - 1) {
    const int c = __builtin_ctz(bits);
    // A witness met again is not another pick.
    if (p * width + c == rows[slot].nearest) continue;
    second = std::min(second, std::max(best, values[c]));
    nearest = values[c] < best ? c : nearest;
    best = std::min(best, values[c]);
  }
  state.best = best;
  state.second = second;
  rows[slot].changed = true;
  if (nearest >= 0) {
    rows[slot].nearest = static_cast<int32_t>(p * width + nearest);
    bound[slot] = (state.upper + 2.0 * state.best) * frame_.unit2;
  }
  limit_[slot] = matter_limit(state);
}

// A row that stays above the threshold is a candidate, most likely, and still in the cache: so its
// bound becomes exact.
void FloatBlock::close(int64_t slot) {
  constexpr int64_t kAhead = 4;
  Row& row = rows[slot];
  State& state = state_[slot];
  if (!row.changed) return;
  // One of those that come next, most likely.
  const Row& soon = rows[std::min(slot + kAhead, capacity - 1)];
  decider_.prefetch(soon.row);
  if (soon.nearest >= 0) decider_.prefetch_pick(soon.nearest);
  bound[slot] = decider_.distance2(row.row, row.nearest);
  ++stats.exact_pairs;
  if (frame_.excludes(second_of(state), state.norm2, frame_.in_units(bound[slot])))
    state.second = kSettled;
}

void FloatBlock::store(int64_t slot) { second_[rows[slot].row] = second_of(state_[slot]); }

void FloatBlock::move(int64_t from, int64_t to) {
  state_[to] = state_[from];
  limit_[to] = limit_[from];
  std::memcpy(packed_.row(to), packed_.row(from), d_ * sizeof(float));
}

float FloatBlock::second_of(const State& state) {
  return round_down(state.upper + 2.0 * state.second);
}

// A pick matters if its upper bound is smaller than the row's, or so near above that it might still
// be the nearer one. Of those, `second` keeps the smallest.
float FloatBlock::matter_limit(const State& state) const {
  const double slack = frame_.slack(state.norm2, state.upper + 2.0 * state.best);
  return std::min(state.second, round_up(state.best + slack / 2));
}

}  // namespace pyuniform
