// The filter for rows of few columns: none in float32 or int8, but boxes of rows, and float64.
#pragma once

#include "shard/boxes.h"
#include "shard/filter.h"

namespace pyuniform {

// Bounds are exact. It relaxes box by box, and what is known of rows is known to the boxes first:
// `update` writes it to the row state.
class BoxFilter final : public Filter {
 public:
  // At most kBoxColumns columns.
  explicit BoxFilter(const ShardContext& context) : context_(context), boxes_(context.matrix.d) {}

  void rows_taken_in(int64_t begin, int64_t end) override;
  int64_t most_taken_in() const override { return Boxes::kGroup; }
  void add_picks(const NewPicks& picks) override;
  bool relax(const RelaxCall& call) override;
  void update(RowState& state) override;
  void offer(double rho, RowState& state, int threads, BestRows* best) override;

 private:
  const ShardContext& context_;
  Boxes boxes_;
  int64_t done_ = 0;  // outer boxes that the relax under way has looked at
};

}  // namespace pyuniform
