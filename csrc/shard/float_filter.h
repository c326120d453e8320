// The float32 filter.
#pragma once

#include <limits>
#include <memory>

#include "picks/panels.h"
#include "shard/block_filter.h"

namespace pyuniform {

// A value of `second` where no pick but `nearest` can be the nearest, and the bound is exact.
constexpr float kSettled = std::numeric_limits<float>::infinity();

// It computes upper bounds of all distances. So a row's bound need not be exact, and other picks
// than `nearest` may turn out to be nearer: `second` is a lower limit of the upper bounds of these,
// in the frame's units, or kSettled.
class FloatFilter final : public BlockFilter {
 public:
  // Bounds of rows that have been relaxed before must be exact. The picks that the context has are
  // added.
  explicit FloatFilter(const ShardContext& context);

  // A relax looks at all picks together.
  bool wants_first_distance(int64_t picks) const override { return picks <= 1; }

  void add_picks(const NewPicks& picks) override;
  void settle(const int64_t* rows, int64_t count, RowState& state, ShardStats* stats) override;
  bool is_exact(int64_t row) const override { return second_[row] == kSettled; }
  void nearest_replaced(int64_t row, double bound2) override;
  UninitializedVector<float>* second() override { return &second_; }

 protected:
  std::unique_ptr<Block> make_block() override;

 private:
  void rescan(const std::vector<int64_t>& rows, RowState& state, ShardStats* stats);

  Panels panels_;
  UninitializedVector<float> second_;
};

}  // namespace pyuniform
