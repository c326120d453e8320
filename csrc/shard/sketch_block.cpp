#include "shard/sketch_block.h"

#include <algorithm>

#include "codes/code.h"
#include "codes/pick_sketches.h"

namespace pyuniform {

SketchBlock::SketchBlock(const ShardContext& context, const Codes& sketches,
                         const PickSketches& pick_sketches, Filter& filter)
    : Block(kRows / context.kernels.tile_rows * context.kernels.tile_rows,
            context.kernels.tile_rows, sketches.columns()),
      frame_(context.frame),
      kernels_(context.kernels),
      sketches_(sketches),
      picks_(pick_sketches),
      filter_(filter),
      packed_(kernels_, kernels_.sketch_tile, sketches.columns(), capacity, picks_.scanned()),
      decider_(context.matrix, context.kernels, context.picks),
      state_(capacity) {}

void SketchBlock::prefetch(int64_t i) const { sketches_.prefetch(i); }

void SketchBlock::load(int64_t slot) {
  packed_.load(slot, sketches_, rows[slot].row);
  const Code& sketch = packed_[slot];
  State& state = state_[slot];
  const float aim = static_cast<float>(frame_.in_units(parks_at[slot]));
  state.near = (kVerifyRatio * aim - all_norm2(sketch)) / 2;
  state.misses = 0;
  state.best_guesses.fill({(kRejectRatio * aim - all_norm2(sketch)) / 2, -1});
  packed_.limit[slot] = (kRejectRatio * aim - sketch.norm2) / 2;
}

void SketchBlock::scan(int64_t at, int n, int64_t p) {
  packed_.scan(at, n, picks_.panels()[p], value.data(), flags.data());
  stats.sketch_pairs += n * picks_.panels().filled(p);
  stats.sketch_madds += n * kPanel * picks_.scanned();
}

// Looks with all coordinates of the sketch, and takes back hits that do not look near any more.
// Only a pick that will be verified needs something from memory.
bool SketchBlock::postpone(int64_t slot, float* values, uint32_t& bits, int64_t p) {
  const State& state = state_[slot];
  const CodePanel& panel = picks_.panels()[p];
  const float limit = std::max(state.best_guesses.back().value, state.near);
  const float scale = packed_[slot].scale;
  const float* const more_half = picks_.more_half_of(p);
  int32_t product[kPanel];
  kernels_.products(packed_.values(slot) + picks_.scanned(), picks_.others_of(p), picks_.others(),
                    bits, product);
  bool near = false;
  for (uint32_t left = bits; left; left &= left - 1) {
    const int c = __builtin_ctz(left);
    values[c] += more_half[c] - panel.scale[c] * scale * static_cast<float>(product[c]);
    stats.sketch_madds += picks_.others();
    if (values[c] >= limit) bits ^= 1u << c;
    if (values[c] >= state.near || near) continue;
    decider_.prefetch(rows[slot].row);
    decider_.prefetch_pick(p * kPanel + c);
    near = true;
  }
  return near;
}

void SketchBlock::apply(int64_t slot, const float* values, uint32_t bits, int64_t p) {
  State& state = state_[slot];
  for (; bits; bits &= bits - 1) {
    const int c = __builtin_ctz(bits);
    const Guess guess = {values[c], static_cast<int32_t>(p * kPanel + c)};
    if (guess.pick == rows[slot].nearest) continue;
    if (guess.value < state.near && state.misses < kGuesses) {
      if (verify(slot, guess.pick)) return;
      ++state.misses;
    } else if (guess.value < state.best_guesses.back().value) {
      keep(state, guess);
    }
  }
}

// Verifies the best guesses, until one is a witness.
void SketchBlock::close(int64_t slot) {
  for (const Guess& guess : state_[slot].best_guesses)
    if (guess.pick < 0 || verify(slot, guess.pick)) return;
}

void SketchBlock::move(int64_t from, int64_t to) {
  packed_.move(from, to);
  state_[to] = state_[from];
}

// Keeps a guess that is better than the worst of those kept, which are in order.
void SketchBlock::keep(State& state, Guess guess) {
  int at = kGuesses - 1;
  for (; at > 0 && state.best_guesses[at - 1].value > guess.value; --at)
    state.best_guesses[at] = state.best_guesses[at - 1];
  state.best_guesses[at] = guess;
}

// Whether the pick is near enough. If it is nearer than what is known, that is noted.
bool SketchBlock::verify(int64_t slot, int32_t pick) {
  Row& row = rows[slot];
  const double distance2 = decider_.distance2(row.row, pick);
  ++stats.exact_pairs;
  if (distance2 < bound[slot]) {
    filter_.nearest_replaced(row.row, bound[slot]);
    bound[slot] = distance2;
    row.nearest = pick;
    row.changed = true;
  }
  return distance2 <= parks_at[slot];
}

}  // namespace pyuniform
