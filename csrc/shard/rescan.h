// One thread's second look at rows whose nearest pick the float32 filter has left in doubt.
#pragma once

#include <vector>

#include "picks/exact_distance.h"
#include "picks/panels.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"
#include "shard/context.h"
#include "shard/row_state.h"

namespace pyuniform {

// It looks at every pick that a row has seen: by lower bounds in float32 first, and in float64
// where these cannot exclude the pick.
class Rescan {
 public:
  // Of `group` rows at a time, at most.
  Rescan(const ShardContext& context, const Panels& panels, RowState& state, int64_t group);

  // Makes bound and nearest of these rows exact. Bounds must be exact distances to `nearest`.
  void run(const int64_t* rows, int64_t count);

  // The pairs that all runs have looked at.
  const ShardStats& stats() const { return stats_; }

 private:
  void set_limit(int64_t r);
  void scan(int64_t at, int n, int64_t p);
  void decide(int64_t r, int32_t pick);

  const ShardContext& context_;
  const Panels& panels_;
  RowState& state_;
  RowReader reader_;
  ExactDistance decider_;
  const int64_t* rows_ = nullptr;  // of the run under way
  RowBlock packed_;
  std::vector<double> lower_;  // of each row, Frame::row_lower
  std::vector<float> limit_;   // values below a row's limit can matter to it
  std::vector<float> value_;
  std::vector<uint32_t> below_;
  ShardStats stats_;
};

}  // namespace pyuniform
