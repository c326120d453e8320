// The search for a witness: one pick that is near enough for a row to be parked.
//
// A sketch is a row's leading coordinates after a rotation, in int8. With full norms it estimates
//     d2(x, c) ~ |x'|^2 + |c'|^2 - 2 <x_sketch, c_sketch>,
// which proves nothing; a pick that looks near is verified in float64. A row that meets no witness
// keeps the picks that came closest, and has them verified in the end: most often the nearest is
// among them, which leaves relax little to decide.
#pragma once

#include <array>

#include "block.h"
#include "codes.h"
#include "decider.h"

namespace pyuniform {

class SketchBlock final : public Block {
 public:
  // `second`, of the float32 filter, may be null.
  SketchBlock(const Matrix& matrix, const Kernels& kernels, const Frame& frame,
              const Codes& sketches, const CodePanels& panels, const CanonicalPicks& picks,
              float* second)
      : Block(kRows / kernels.tile_rows * kernels.tile_rows, kernels.tile_rows, sketches.columns()),
        frame_(frame),
        sketches_(sketches),
        panels_(panels),
        second_(second),
        packed_(kernels, kernels.sketch_tile, sketches.columns(), capacity),
        decider_(matrix, kernels, picks),
        state_(capacity) {}

  void prefetch(int64_t i) const override { sketches_.prefetch(i); }

  void load(int64_t slot) override {
    packed_.load(slot, sketches_, rows[slot].row);
    State& state = state_[slot];
    const float norm2 = packed_[slot].norm2;
    const float aim = static_cast<float>(frame_.in_units(parks_at[slot]));
    state.near = (aim - norm2) / 2;
    state.misses = 0;
    packed_.limit[slot] = (kHopeless * aim - norm2) / 2;
    state.held.fill({packed_.limit[slot], -1});
  }

  void scan(int64_t at, int n, int64_t p) override {
    packed_.scan(at, n, panels_[p], value.data(), flags.data());
    stats.sketch_pairs += n * panels_.filled(p);
    stats.sketch_madds += n * kPanel * sketches_.columns();
  }

  bool expect(int64_t slot, const float* values, uint32_t bits, int64_t p) const override {
    for (; bits; bits &= bits - 1) {
      const int c = __builtin_ctz(bits);
      if (values[c] >= state_[slot].near) continue;
      decider_.prefetch(rows[slot].row);
      decider_.prefetch_pick(p * kPanel + c);
      return true;
    }
    return false;
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
    packed_.limit[slot] = std::max(state.held.back().value, state.near);
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
  // Estimates this many times the squared distance wanted are not worth a look: measured,
  // beyond 1.4 none leads to a witness.
  static constexpr float kHopeless = 1.35;

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
  const Codes& sketches_;
  const CodePanels& panels_;
  float* const second_;
  CodeRows packed_;
  Decider decider_;
  std::vector<State> state_;
};

}  // namespace pyuniform
