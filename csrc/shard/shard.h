// A shard: some rows with their state, and the operations that a farthest-first traversal is made
// of.
//
// The shard owns the parts that do the work, and hands rows and picks to them:
//
//     Shard ── ShardContext   the rows, the frame of the filters, the picks in float64
//        ├──── RowState       bound, nearest and seen of each row; scores
//        ├──── Filter         compares rows with picks: FloatFilter, CodeFilter or BoxFilter
//        └──── WitnessSearch  before the filter, or none: SketchSearch or CodeBoundSearch
//
// docs/development/core.md follows a row through them.
#pragma once

#include <cstdint>
#include <memory>

#include "picks/exact_distance.h"
#include "pool/pool.h"
#include "shard/context.h"
#include "shard/filter.h"
#include "shard/row_state.h"
#include "shard/stats.h"
#include "shard/witness_search.h"

namespace pyuniform {

class Shard {
 public:
  // The filter and the search, which may be null, work with this context.
  Shard(std::unique_ptr<ShardContext> context, std::unique_ptr<Filter> filter,
        std::unique_ptr<WitnessSearch> witness);

  const Matrix& matrix() const { return context_->matrix; }
  int64_t size() const { return context_->matrix.n; }
  int64_t columns() const { return context_->matrix.d; }
  int64_t picks() const { return context_->picks.size(); }
  const ShardStats& stats() const { return stats_; }

  // Writes to the state what so far only the filter knows of the rows.
  void update_state() { filter_->update(state_); }

  // Calls visit(name, values) for each kind of state that is kept of all rows, in vectors by row;
  // to be called after update_state. Whoever writes to them must have made the same picks, with the
  // same filter.
  template <typename Visit>
  void each_state(Visit visit) {
    visit("bound", state_.bound);
    if (filter_->second()) visit("second", *filter_->second());
    visit("nearest", state_.nearest);
    visit("seen", state_.seen);
    if (witness_) visit("scanned", witness_->scanned);
  }

  // The first of the rows begin to end whose state, written from elsewhere, cannot be one of these
  // picks; -1 if there is none. Numbers of picks are out of range, a row is in the race or out of
  // it although it was or was not picked (`picked`, by row), or the bound is not the distance to
  // `nearest`, or, while that is in doubt, below it.
  int64_t first_unsound(const bool* picked, int64_t begin, int64_t end) const;

  // Takes over what an earlier run with these picks, and maybe others, has found out, by row: the
  // nearest pick that it knew, or -1 where that is not known, and `seen` and `scanned` as RowState
  // and WitnessSearch have them, of these picks. To be called once all of these have been added and
  // before any row is taken in: the distance of a row to its nearest pick, in place of the first,
  // is computed then. Numbers must be in range.
  void start_from(const int32_t* nearest, const int32_t* seen, const int32_t* scanned);

  // Puts the float32 filter, whose bounds are tighter, in the place of the int8 filter; between two
  // relaxes, and not where rows are on disk.
  void drop_codes();

  // Ends the search for witnesses; between two relaxes.
  void drop_sketches();

  // See Scores.
  void set_scores(const double* factor, double floor2) { state_.set_scores(factor, floor2); }

  // Makes rows picks: `rows[p]` is a row of this shard, which leaves the race, or -1 for a pick
  // from elsewhere; values is count x padded(d), canonical.
  void add_picks(const int64_t* rows, const double* values, int64_t count);

  // The score below which all but about `count` rows lie, from a sample of the rows; boxes may know
  // lower ones.
  double threshold(int64_t count) const { return state_.threshold(count); }

  // Takes in the next rows in their order, `count` at most: computes their distance to the first
  // pick, or to the one that start_from has told, and encodes them. relax does so where rows are in
  // memory; where they are on disk, whoever reads them.
  void take_in(int64_t count);

  // Brings every row whose score exceeds rho up to date, unless it falls to `aim` on the way: to
  // rho, or less if more is wanted of rows that are being looked at. Rows are parked after a
  // multiple of `chunk` picks, rounded up to what the filter looks at together. To be called until
  // it returns true; each call does about `budget` multiply-adds, so that the caller can answer an
  // interrupt.
  bool relax(double rho, double aim, int64_t chunk, double budget);

  // The up to `limit` rows with the largest scores above rho; all of them must be up to date. Their
  // bounds become exact. Writes their rows in no particular order, and returns their number;
  // `outside` receives the best score of the rest.
  int64_t candidates(double rho, int64_t limit, int64_t* rows, Outside* outside);

  // Row state, as a pool wants it: canonical values, exact squared distance, nearest pick.
  void read(const int64_t* rows, int64_t count, double* values, double* distance2,
            int32_t* nearest) const;

  // Makes the bounds of up-to-date rows exact.
  void settle(const int64_t* rows, int64_t count) { filter_->settle(rows, count, state_, &stats_); }

  // Takes back what a pool found out about rows.
  void write(const int64_t* rows, int64_t count, const double* distance2, const int32_t* nearest,
             const int32_t* seen);

 private:
  double madds_a_row() const;
  void take_in_rows(int64_t begin, int64_t end);
  bool is_sound(int64_t i, bool picked, ExactDistance& decider) const;

  std::unique_ptr<ShardContext> context_;
  std::unique_ptr<Filter> filter_;
  std::unique_ptr<WitnessSearch> witness_;
  RowState state_;
  int64_t taken_in_ = 0;  // rows that have been taken in, the first
  bool started_ = false;  // whether start_from was called
  ShardStats stats_;
};

}  // namespace pyuniform
