// The state of a set of rows during a traversal, and the operations the traversal is made of.
//
// For each row: `bound`, a rigorous upper bound of its canonical squared distance to the picks it
// has seen; `nearest`, the pick that gave it; `seen`, how many picks were looked at, in pick order;
// and `second`, a lower limit of the upper bounds of all the other seen picks that might yet turn
// out to be nearer than `nearest`. A picked row has bound -1. 20 bytes a row; cosine adds a norm
// of 8.
#pragma once

#include <memory>
#include <vector>

#include "core.h"
#include "frame.h"
#include "panels.h"
#include "pool.h"

namespace pyuniform {

struct ShardStats {
  int64_t filter_pairs = 0;  // row-pick pairs the float32 filter looked at
  int64_t filter_madds = 0;  // its multiply-adds, padding included
  int64_t exact_pairs = 0;   // canonical distances computed, but for the pool's
  int64_t rescanned = 0;     // rows whose nearest pick the bounds left open
  int64_t parked = 0;        // rows that relax left at or below the threshold
};

class Shard {
 public:
  Shard(const Matrix& matrix, const double* center, int exponent, int threads);

  int64_t size() const { return matrix_.n; }
  int64_t columns() const { return matrix_.d; }
  int64_t picks() const { return panels_.size(); }
  const ShardStats& stats() const { return stats_; }

  // Makes rows picks: `rows[p]` is a row of this shard, which leaves the race, or -1 for a pick
  // from elsewhere; values is count x padded(d), canonical.
  void add_picks(const int64_t* rows, const double* values, int64_t count);

  // The bound below which all but about `count` rows lie, from a sample of the rows.
  double threshold(int64_t count) const;

  // Brings every row whose bound exceeds rho up to date, unless it falls to rho on the way. To be
  // called until it returns true; each call does some `budget` multiply-adds, so that the caller
  // can answer an interrupt.
  bool relax(double rho, int64_t chunk, double budget);

  // The up to `limit` rows with the largest bounds above rho; all of them must be up to date. Their
  // bounds become exact. Writes their rows in no particular order, and returns their number;
  // `outside` receives the best of the rest.
  int64_t candidates(double rho, int64_t limit, int64_t* rows, Outside* outside);

  // Row state, as a pool wants it: canonical values, exact squared distance, nearest pick.
  void read(const int64_t* rows, int64_t count, double* values, double* distance2,
            int32_t* nearest);

  // Makes the bounds of up-to-date rows exact.
  void settle(const int64_t* rows, int64_t count);

  // Takes back what a pool found out about rows.
  void write(const int64_t* rows, int64_t count, const double* distance2, const int32_t* nearest,
             const int32_t* seen);

 private:
  struct Block;

  void start_relax(double rho);
  void relax_block(const int32_t* rows, int64_t count, double rho, int64_t chunk, Block& block,
                   ShardStats& stats);
  void rescan(const std::vector<int64_t>& rows);
  void pick_values(int64_t pick, class RowReader& reader, double* out) const;

  const Kernels& kernels_;
  const Matrix matrix_;
  const Frame frame_;
  const int threads_;
  Panels panels_;
  std::vector<int64_t> pick_row_;                    // this shard's row, or -1
  std::vector<std::unique_ptr<double[]>> pick_far_;  // canonical values of picks from elsewhere

  std::vector<double> bound_;
  std::vector<float> second_;
  std::vector<int32_t> nearest_, seen_;

  std::vector<int32_t> active_;  // rows of the relax under way, fewest picks seen first
  int64_t active_done_ = 0;
  bool relaxing_ = false;
  std::vector<std::shared_ptr<Block>> blocks_;  // a thread's scratch for relax
  ShardStats stats_;
};

}  // namespace pyuniform
