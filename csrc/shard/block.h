// One thread's rows on their way through the panels of picks.
//
// What a row learns on its way is a block's own affair: FloatBlock computes upper bounds of all
// distances in float32, CodeBlock excludes picks by int8 codes and decides the rest in float64, and
// SketchBlock and FarBlock look for one pick that is near enough. Active rows stay contiguous: a
// parked row's place is taken by the last.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "simd/kernels.h"

namespace pyuniform {

// Row-pick pairs, and multiply-adds with padding, of relax.
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
  int64_t witnessed = 0;    // rows that a sketch found a witness for
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

// Rows that are left above a threshold, and the largest score of others.
struct Survivors {
  std::vector<int32_t> above;
  double below = -1;

  // Takes over what another holds, which is empty afterwards.
  void take(Survivors* other) {
    above.insert(above.end(), other->above.begin(), other->above.end());
    below = std::max(below, other->below);
    *other = {};
  }
};

// Shard's `second` where no pick but `nearest` can be the nearest, and the bound is exact.
constexpr float kSettled = std::numeric_limits<float>::infinity();

class Block {
 public:
  struct Row {
    int32_t row, nearest;
    uint32_t skip;  // picks of the first panel that the row has met already
    bool changed;
  };

  struct PendingHits {
    int64_t slot;
    uint32_t bits;
    float values[kPanel];
  };

  // `load` reads `row_bytes` bytes of a row. Where rows may be parked they meet `step` picks at a
  // time, which divides kPanel.
  Block(int64_t capacity, int tile_rows, int64_t row_bytes, int64_t step = kPanel)
      : capacity(capacity),
        step(step),
        ahead(std::clamp<int64_t>(kAheadBytes / std::max<int64_t>(row_bytes, 1), 2, 16)),
        rows(capacity),
        bound(capacity),
        parks_at(capacity),
        parkable((capacity + 63) / 64),
        flags(tile_rows),
        value(tile_rows * kPanel),
        news(capacity) {}
  virtual ~Block() = default;

  // Asks for what `load` reads of row i early: gathered rows are where no hardware prefetcher
  // expects them.
  virtual void prefetch(int64_t i) const = 0;

  // Takes up rows[slot], whose bound[slot] and parks_at[slot] are set.
  virtual void load(int64_t slot) = 0;

  // What else slots `begin` to `end` - 1 need, which have just been loaded.
  virtual void loaded(int64_t, int64_t) {}

  // Sets flags[r] for n rows from slot `at` on: of the p-th `width` picks those that can matter.
  virtual void scan(int64_t at, int n, int64_t p) = 0;

  // Whether taking flagged picks of a row needs something from memory. That is asked for now, and
  // they are taken later. At a closer look, values may change and flags be taken back.
  virtual bool expect(int64_t, float*, uint32_t&, int64_t) { return false; }

  // Takes note of flagged picks: updates nearest and bound. `values` are the row's, of the p-th
  // `width` picks.
  virtual void take(int64_t slot, const float* values, uint32_t bits, int64_t p) = 0;

  // To be called when a bound may have come down to what parks its row.
  void note_parkable(int64_t slot, double at) {
    parkable[slot / 64] |= static_cast<uint64_t>(bound[slot] <= at) << slot % 64;
  }

  // The row has met all picks and stays above the threshold.
  virtual void last(int64_t) {}

  // Puts away what the block keeps of a changed row beside nearest and bound.
  virtual void store(int64_t) {}

  virtual void move(int64_t from, int64_t to) = 0;

  const int64_t capacity, step;
  const int64_t ahead;     // rows between asking for one and loading it
  int64_t width = kPanel;  // picks that rows meet at a time, in the pass under way
  std::vector<Row> rows;
  // Apart from the rest, since every panel looks at those of all rows.
  std::vector<double> bound, parks_at;
  std::vector<uint64_t> parkable;  // a bit a slot
  std::vector<uint32_t> flags;
  std::vector<float> value;       // of the last scan
  std::vector<PendingHits> news;  // of a panel
  ShardStats stats;
  Survivors left;
  PrefetchHook* meanwhile = nullptr;  // what scans may do in between

 private:
  // More than memory can be asked for in the time it takes to answer.
  static constexpr int64_t kAheadBytes = 4096;
};

}  // namespace pyuniform
