// The search for a witness: one pick that is near enough for a row to be parked.
//
// A sketch is a row's leading coordinates after a rotation, in int8, of which the first are
// scanned:
//     d2(x, c) ~ n(x) + n(c) - 2 <x_sketch, c_sketch>,
// where norms n leave out some of what the sketch does not hold (sketch.h). Picks that look near
// are looked at more closely, with all coordinates of the sketch. That proves nothing: a pick that
// still looks near is verified in float64. A row that meets no witness keeps the picks that came
// closest, and has them verified in the end: most often the nearest is among them, which leaves
// relax little to decide.
#pragma once

#include <array>

#include "codes/code_rows.h"
#include "codes/codes.h"
#include "codes/pick_sketches.h"
#include "codes/sketch.h"
#include "rows/rounding.h"
#include "shard/block.h"
#include "shard/exact_distance.h"

namespace pyuniform {

class SketchBlock final : public Block {
 public:
  // `second`, of the float32 filter, may be null.
  SketchBlock(const Matrix& matrix, const Kernels& kernels, const Frame& frame,
              const Codes& sketches, const PickSketches& pick_sketches, const CanonicalPicks& picks,
              float* second)
      : Block(kRows / kernels.tile_rows * kernels.tile_rows, kernels.tile_rows, sketches.columns()),
        frame_(frame),
        kernels_(kernels),
        sketches_(sketches),
        picks_(pick_sketches),
        second_(second),
        packed_(kernels, kernels.sketch_tile, sketches.columns(), capacity, picks_.scanned()),
        decider_(matrix, kernels, picks),
        state_(capacity) {}

  void prefetch(int64_t i) const override { sketches_.prefetch(i); }

  void load(int64_t slot) override {
    packed_.load(slot, sketches_, rows[slot].row);
    const Code& sketch = packed_[slot];
    State& state = state_[slot];
    const float aim = static_cast<float>(frame_.in_units(parks_at[slot]));
    state.near = (kVerifyRatio * aim - all_norm2(sketch)) / 2;
    state.misses = 0;
    state.held.fill({(kRejectRatio * aim - all_norm2(sketch)) / 2, -1});
    packed_.limit[slot] = (kRejectRatio * aim - sketch.norm2) / 2;
  }

  void scan(int64_t at, int n, int64_t p) override {
    packed_.scan(at, n, picks_.panels()[p], value.data(), flags.data());
    stats.sketch_pairs += n * picks_.panels().filled(p);
    stats.sketch_madds += n * kPanel * picks_.scanned();
  }

  // With all coordinates of the sketch.
  bool expect(int64_t slot, float* values, uint32_t& bits, int64_t p) override {
    const State& state = state_[slot];
    const CodePanel& panel = picks_.panels()[p];
    const float limit = std::max(state.held.back().value, state.near), scale = packed_[slot].scale;
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

  void take(int64_t slot, const float* values, uint32_t bits, int64_t p) override {
    State& state = state_[slot];
    for (; bits; bits &= bits - 1) {
      const int c = __builtin_ctz(bits);
      const Guess guess = {values[c], static_cast<int32_t>(p * kPanel + c)};
      if (guess.pick == rows[slot].nearest) continue;
      if (guess.value < state.near && state.misses < kHeld) {
        if (verify(slot, guess.pick)) return;
        ++state.misses;
      } else if (guess.value < state.held.back().value) {
        hold(state, guess);
      }
    }
  }

  void last(int64_t slot) override {
    for (const Guess& guess : state_[slot].held)
      if (guess.pick < 0 || verify(slot, guess.pick)) return;
  }

  void move(int64_t from, int64_t to) override {
    packed_.move(from, to);
    state_[to] = state_[from];
  }

 private:
  static constexpr int64_t kRows = 256;
  static constexpr int kHeld = 4;
  // Estimates of up to so many times the squared distance wanted are verified at once, and beyond
  // the other not worth a look (docs/development/performance.md).
  static constexpr float kVerifyRatio = 0.97f, kRejectRatio = 1.05f;

  struct Guess {
    float value;
    int32_t pick;
  };

  struct State {
    float near;  // a value below it says: near enough
    int misses;  // picks that said so and were not
    std::array<Guess, kHeld> held;
  };

  static void hold(State& state, Guess guess) {
    int at = kHeld - 1;
    for (; at > 0 && state.held[at - 1].value > guess.value; --at)
      state.held[at] = state.held[at - 1];
    state.held[at] = guess;
  }

  // Whether the pick is near enough. If it is nearer than what is known, that is noted.
  bool verify(int64_t slot, int32_t pick) {
    Row& row = rows[slot];
    const double distance2 = decider_.distance2(row.row, pick);
    ++stats.exact_pairs;
    if (distance2 < bound[slot]) {
      if (second_) {
        // The old nearest is one of the others now.
        float& second = second_[row.row];
        second = std::min(second, round_down(frame_.in_units(bound[slot])));
      }
      bound[slot] = distance2;
      row.nearest = pick;
      row.changed = true;
    }
    return distance2 <= parks_at[slot];
  }

  const Frame& frame_;
  const Kernels& kernels_;
  const Codes& sketches_;
  const PickSketches& picks_;
  float* const second_;
  CodeRows packed_;
  ExactDistance decider_;
  std::vector<State> state_;
};

}  // namespace pyuniform
