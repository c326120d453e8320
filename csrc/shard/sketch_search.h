// The search for witnesses by sketches.
#pragma once

#include <memory>

#include "codes/axes.h"
#include "codes/codes.h"
#include "codes/pick_sketches.h"
#include "codes/sketch.h"
#include "shard/witness_search.h"

namespace pyuniform {

// A sketch is a row's leading coordinates after a rotation, in int8. It tells which picks are
// probably near; float64 tells whether one of these is a witness.
class SketchSearch final : public WitnessSearch {
 public:
  // Sketches have p coordinates along `axes`, p x d, of which the first `scanned` are looked at for
  // all picks.
  SketchSearch(const ShardContext& context, const float* axes, int64_t p, int64_t scanned);

  void set_filter(Filter& filter) override;
  bool leaves_unproven() const override { return false; }
  std::unique_ptr<RowEncoder> row_encoder() override;
  int64_t madds_a_row() const override;
  void add_picks(const NewPicks& picks, ShardStats* stats) override;

 protected:
  std::unique_ptr<Block> make_block() override;

 private:
  const ShardContext& context_;
  Filter* filter_ = nullptr;
  const Axes axes_;
  Codes sketches_;  // of rows
  PickSketches pick_sketches_;
};

}  // namespace pyuniform
