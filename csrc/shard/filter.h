// A filter: how a shard compares rows with picks.
//
// A filter owns the picks in the shape that it looks at, and what it keeps of each row beside the
// row state. It brings rows up to date (relax) and makes bounds exact (settle). A shard has one,
// and may get another between two calls of relax. There are three: FloatFilter and CodeFilter,
// which relax in blocks (block_filter.h), and BoxFilter.
#pragma once

#include <limits>
#include <memory>

#include "core/uninitialized.h"
#include "shard/best_rows.h"
#include "shard/context.h"
#include "shard/row_state.h"
#include "shard/stats.h"

namespace pyuniform {

class WitnessSearch;

// One thread's way of encoding rows that are taken in.
class RowEncoder {
 public:
  virtual ~RowEncoder() = default;
  // Encodes n rows from row `at` on, at most a tile of them.
  virtual void encode(int64_t at, int n) = 0;
};

// One call of relax: what is wanted, as Shard::relax has it, and what it works on.
struct RelaxCall {
  double rho, aim;
  int64_t chunk;
  double budget;
  RowState& state;
  WitnessSearch* witness;  // or null
  ShardStats& stats;
};

class Filter {
 public:
  virtual ~Filter() = default;

  // Rows. A filter takes in all rows once, in their order: `row_encoder` encodes them on several
  // threads, unless it is null, and `rows_taken_in` ends that for some rows.
  virtual std::unique_ptr<RowEncoder> row_encoder() { return nullptr; }
  virtual void rows_taken_in(int64_t /*begin*/, int64_t /*end*/) {}

  // How many rows are taken in together at most.
  virtual int64_t most_taken_in() const { return std::numeric_limits<int64_t>::max(); }

  // Whether rows that are taken in shall have the exact distance to the first pick, when there are
  // this many picks and nothing else wants it.
  virtual bool wants_first_distance(int64_t /*picks*/) const { return true; }

  virtual void add_picks(const NewPicks& picks) = 0;

  // Does some of a relax; to be called until it returns true.
  virtual bool relax(const RelaxCall& call) = 0;

  // Writes to the row state what is so far known only here.
  virtual void update(RowState&) {}

  // Offers all rows that score above rho. What it does not offer one by one it offers as a rest.
  virtual void offer(double /*rho*/, RowState& state, int threads, BestRows* best) {
    state.offer_all(threads, best);
  }

  // Makes the bounds of up-to-date rows exact.
  virtual void settle(const int64_t* /*rows*/, int64_t /*count*/, RowState&, ShardStats*) {}

  // Whether the bound of a row is the exact distance to its nearest pick.
  virtual bool is_exact(int64_t /*row*/) const { return true; }

  // A witness has become the nearest pick of a row, in place of one at this distance or nearer.
  virtual void nearest_replaced(int64_t /*row*/, double /*bound2*/) {}

  // By row, see FloatFilter; or null.
  virtual UninitializedVector<float>* second() { return nullptr; }

  // The search for witnesses has been dropped: from here on all rows come to this filter.
  virtual void search_dropped() {}
};

}  // namespace pyuniform
