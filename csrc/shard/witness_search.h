// The search for a witness: one pick that is so near to a row that the row can be parked.
//
// It stands before the filter, which has to look only at rows that find no witness. There are two:
// SketchSearch guesses by sketches and verifies in float64; CodeBoundSearch, where rows are on
// disk, proves by codes.
#pragma once

#include <memory>

#include "core/thread_pool.h"
#include "shard/context.h"
#include "shard/filter.h"
#include "shard/stage.h"

namespace pyuniform {

class WitnessSearch : public Stage {
 public:
  explicit WitnessSearch(const ShardContext& context) : Stage(context.threads) {
    fill(&scanned, 0, context.matrix.n, 0,
         useful_threads(1e3 * static_cast<double>(context.matrix.n), context.threads));
  }

  UninitializedVector<int32_t>& met(RowState&) override { return scanned; }

  // Names the filter that comes after; to be called before anything else, and whenever another
  // takes its place.
  virtual void set_filter(Filter& filter) = 0;

  // Whether it leaves bounds that come from codes, so that `nearest` may hold unproven(pick).
  virtual bool leaves_unproven() const = 0;

  // What it makes of rows that are taken in, for one thread, or null.
  virtual std::unique_ptr<RowEncoder> row_encoder() { return nullptr; }

  // Multiply-adds that it takes to encode a row or a pick, about.
  virtual int64_t madds_a_row() const { return 0; }

  virtual void add_picks(const NewPicks& picks, ShardStats* stats) = 0;

  // By row: among how many picks a witness has been searched. `nearest` may lie beyond `seen` then.
  UninitializedVector<int32_t> scanned;
};

}  // namespace pyuniform
