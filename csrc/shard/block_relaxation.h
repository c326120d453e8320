// One thread's way of taking rows, a block at a time, through the panels of picks of one stage.
#pragma once

#include <cstdint>

#include "shard/block.h"
#include "shard/context.h"
#include "shard/filter.h"

namespace pyuniform {

// For each panel: admit the rows whose first missed pick lies in it, scan all active rows a tile at
// a time, apply the hits, and park the rows that have come down far enough. block.h has the
// picture.
class BlockRelaxation {
 public:
  // `met` is the stage's, by row. `lists` says whether rows that stay above the threshold are
  // listed as survivors.
  BlockRelaxation(const RelaxCall& call, const ShardContext& context, int32_t* met, bool lists,
                  Block& block)
      : call_(call),
        state_(call.state),
        block_(block),
        met_(met),
        lists_(lists),
        tile_rows_(context.kernels.tile_rows),
        picks_(context.picks.size()) {}

  // Asks memory for what `run` reads of a row when it admits it.
  void prefetch(int32_t row) const;

  // Brings `count` rows, at most the block's capacity, up to date. They are sorted by the first
  // panel that they have not finished.
  void run(const int32_t* rows, int64_t count);

 private:
  int64_t first_panel(int64_t place) const { return met_[rows_[place]] / block_.width; }
  void admit(int64_t p);
  void scan(int64_t p);
  void take_hits(int64_t slot, int r, int64_t p);
  void apply(int64_t slot, const float* values, uint32_t bits, int64_t p);
  void apply_pending(int64_t p);
  void park(int64_t p);
  void retire(int64_t slot, int64_t met);
  void fill_gap(int64_t slot);
  void retire_rest();

  const RelaxCall& call_;
  RowState& state_;
  Block& block_;
  int32_t* const met_;
  const bool lists_;
  const int64_t tile_rows_, picks_;

  // Of the block under way.
  const int32_t* rows_ = nullptr;
  int64_t count_ = 0;
  int64_t next_ = 0;     // the first row that has not been admitted
  int64_t active_ = 0;   // slots in use
  int64_t fresh_ = 0;    // the first slot of rows that were admitted for this panel
  int64_t pending_ = 0;  // rows whose hits wait for memory
};

}  // namespace pyuniform
