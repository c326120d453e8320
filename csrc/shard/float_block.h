// The float32 filter's block: an upper bound of every distance.
#pragma once

#include <vector>

#include "picks/exact_distance.h"
#include "picks/panels.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"
#include "shard/block.h"
#include "shard/context.h"

namespace pyuniform {

class FloatBlock final : public Block {
 public:
  // `second` is FloatFilter's.
  FloatBlock(const ShardContext& context, const Panels& panels, float* second);

  void prefetch(int64_t i) const override;
  void load(int64_t slot) override;
  void prepare(int64_t begin, int64_t end) override;
  void scan(int64_t at, int n, int64_t p) override;
  void apply(int64_t slot, const float* values, uint32_t bits, int64_t p) override;
  void close(int64_t slot) override;
  void store(int64_t slot) override;
  void move(int64_t from, int64_t to) override;

 private:
  struct State {
    float best, second;  // the two smallest values, as the tile computes them
    double norm2, upper;
  };

  static float second_of(const State& state);
  float matter_limit(const State& state) const;

  const int64_t d_;
  const Kernels& kernels_;
  const Frame& frame_;
  const Panels& panels_;
  float* const second_;
  RowReader reader_;
  ExactDistance decider_;
  RowBlock packed_;
  std::vector<State> state_;
  std::vector<float> limit_;  // values below a row's limit can matter to it
};

}  // namespace pyuniform
