// Exact greedy among the candidates of one round.
#pragma once

#include "simd/kernels.h"

namespace pyuniform {

// The candidates: canonical rows, and what is known of them. All arrays have `size` entries.
struct Pool {
  const double* values;  // size x width canonical rows, zero-padded
  int64_t width, size;
  const int64_t* index;  // row indices, unique: the tie rule looks at them
  double* distance2;     // in/out: canonical squared distance to the nearest pick
  int32_t* nearest;      // in/out: that pick's number
  int32_t* seen;         // in/out: number of picks that distance2 has taken into account

  // What members are picked by: factor times distance2, and never at a distance2 up to floor2;
  // without factors (null) they are one; others are positive. Of a group (null: no groups) `left`
  // more may be picked.
  const double* factor;
  double floor2;
  const int32_t* group;
  int64_t* left;  // in/out, by group
};

// What no row outside the pool can beat: its score, and the lowest index that has this score.
struct Outside {
  double score;
  int64_t index;
};

// Row-pick pairs looked at: by the filter, and in float64.
struct PoolStats {
  int64_t filter_pairs = 0, exact_pairs = 0;
};

// Picks greedily, by the largest score, as long as no outside row can come before, and at most
// `limit` times. `seen` must hold the same number everywhere on entry: the number of picks so far.
// Members are brought up to date only when they lead, so `seen` differs on return; a picked member
// has -1. Writes each pick's place in the pool and its squared distance; returns how many were
// picked.
int64_t greedy_pool(const Kernels& kernels, Pool pool, Outside outside, int64_t limit, int threads,
                    int64_t* picked, double* picked_distance2, PoolStats* stats);

}  // namespace pyuniform
