// What a shard knows of each of its rows, whatever the filter.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/uninitialized.h"
#include "shard/best_rows.h"
#include "shard/scores.h"
#include "shard/stats.h"
#include "simd/kernels.h"

namespace pyuniform {

// How `nearest` says that the bound is one from codes, and no pick's exact distance: pick c stands
// there as unproven(c), which is below -1. unproven(unproven(c)) is c.
inline int32_t unproven(int32_t pick) { return -2 - pick; }

// Rows that are left above a threshold, and the largest score of the others.
struct Survivors {
  std::vector<int32_t> above;
  double below = -1;

  // Takes over what another holds, which is empty afterwards.
  void take(Survivors* other);
};

class RowState {
 public:
  // Of n rows, none of which has met a pick.
  RowState(int64_t n, int threads);

  int64_t size() const { return static_cast<int64_t>(bound.size()); }
  double score(int64_t i) const { return scores_.of(i, bound[i]); }
  const Scores& scores() const { return scores_; }

  // See Scores::set.
  void set_scores(const double* factor, double floor2);

  // The score below which all but about `count` rows lie, by a sample of the rows.
  double threshold(int64_t count) const;

  // Lists the rows above rho that have not seen all of `picks` picks. Of the others it lists the
  // survivors, if these can be listed at all.
  void list_wanted(double rho, int64_t picks, const Kernels& kernels, int threads,
                   std::vector<int32_t>* wanted);

  // How many of these rows an earlier relax has looked at and parked.
  int64_t count_parked_before(const std::vector<int32_t>& wanted, int threads) const;

  // Whether relax lists the rows it leaves above rho: with factors bounds do not tell them, and a
  // negative threshold leaves out none.
  bool lists_survivors(double rho) const { return scores_.are_bounds() && rho >= 0; }

  // Adds to the survivors of the relax under way; the other holds none afterwards.
  void add_survivors(Survivors* some) { survivors_.take(some); }

  // A relax with threshold rho has listed all survivors.
  void survivors_listed(double rho) { listed_above_ = rho; }

  // The survivors of the last relax if its threshold was rho and they are listed, or null.
  const Survivors* survivors(double rho) const {
    return rho == listed_above_ ? &survivors_ : nullptr;
  }

  // Offers all rows.
  void offer_all(int threads, BestRows* best) const;

  // By row. `bound` is a rigorous upper bound of the canonical squared distance to the picks, or -1
  // for a picked row; `nearest` is the pick that gave it, or -1; `seen` is how many picks are
  // known, in their order, not to be nearer.
  UninitializedVector<double> bound;
  UninitializedVector<int32_t> nearest, seen;

  int64_t relaxed_picks = 0;  // how many picks there were at the last relax

 private:
  Scores scores_;
  Survivors survivors_;
  double listed_above_ = std::numeric_limits<double>::infinity();
};

}  // namespace pyuniform
