// A block that looks for a witness by sketches.
//
// A sketch is a row's leading coordinates after a rotation, in int8, of which the first are
// scanned:
//     d2(x, c) ~ n(x) + n(c) - 2 <x_sketch, c_sketch>,
// where norms n leave out some of what the sketch does not hold (sketch.h). Picks that look near
// are looked at more closely, with all coordinates of the sketch. That proves nothing: a pick that
// still looks near is verified in float64. A row that meets no witness keeps the picks that came
// closest, and has them verified in the end: most often the nearest is among them, which leaves
// the filter little to decide.
#pragma once

#include <array>
#include <vector>

#include "codes/code_rows.h"
#include "codes/codes.h"
#include "codes/pick_sketches.h"
#include "picks/exact_distance.h"
#include "shard/block.h"
#include "shard/context.h"
#include "shard/filter.h"

namespace pyuniform {

class SketchBlock final : public Block {
 public:
  // Calls `filter.nearest_replaced` for each nearest pick that is replaced.
  SketchBlock(const ShardContext& context, const Codes& sketches, const PickSketches& pick_sketches,
              Filter& filter);

  void prefetch(int64_t i) const override;
  void load(int64_t slot) override;
  void scan(int64_t at, int n, int64_t p) override;
  bool postpone(int64_t slot, float* values, uint32_t& bits, int64_t p) override;
  void apply(int64_t slot, const float* values, uint32_t bits, int64_t p) override;
  void close(int64_t slot) override;
  void move(int64_t from, int64_t to) override;

 private:
  static constexpr int64_t kRows = 256;
  static constexpr int kGuesses = 4;
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
    std::array<Guess, kGuesses> best_guesses;
  };

  static void keep(State& state, Guess guess);
  bool verify(int64_t slot, int32_t pick);

  const Frame& frame_;
  const Kernels& kernels_;
  const Codes& sketches_;
  const PickSketches& picks_;
  Filter& filter_;
  CodeRows packed_;
  ExactDistance decider_;
  std::vector<State> state_;
};

}  // namespace pyuniform
