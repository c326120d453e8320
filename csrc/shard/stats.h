// What a shard counts of its work.
#pragma once

#include <cstdint>

namespace pyuniform {

// Row-pick pairs, multiply-adds with padding, and rows.
struct ShardStats {
  int64_t filter_pairs = 0;  // pairs the filter looked at, in float32 or int8
  int64_t sketch_pairs = 0;  // pairs that sketches looked at
  int64_t exact_pairs = 0;   // canonical distances computed, but for the pool's
  int64_t decided = 0;       // of these, pairs that codes could not exclude
  int64_t sketch_madds = 0;  // in int8
  int64_t int8_madds = 0;
  int64_t float32_madds = 0;
  int64_t float64_madds = 0;
  int64_t rescanned = 0;    // rows whose nearest pick the float32 bounds left open
  int64_t relaxed = 0;      // rows taken up by relax
  int64_t reactivated = 0;  // of these, rows that an earlier relax had parked
  int64_t witnessed = 0;    // rows that were parked by a witness
  int64_t parked = 0;       // rows left at or below the threshold, these included

  void add(const ShardStats& other) {
    filter_pairs += other.filter_pairs;
    sketch_pairs += other.sketch_pairs;
    exact_pairs += other.exact_pairs;
    decided += other.decided;
    sketch_madds += other.sketch_madds;
    float32_madds += other.float32_madds;
    int8_madds += other.int8_madds;
    float64_madds += other.float64_madds;
    rescanned += other.rescanned;
    relaxed += other.relaxed;
    reactivated += other.reactivated;
    witnessed += other.witnessed;
    parked += other.parked;
  }
};

}  // namespace pyuniform
