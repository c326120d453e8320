// One thread's rows on their way through the panels of picks.
//
// A block has slots, of which the first are active: each holds one row. A BlockRelaxation fills the
// slots, lets the block look at one panel after another, and empties the slots again. What the
// block finds out about a row's distances is its own affair, and differs from one subclass to the
// next: FloatBlock, CodeBlock, CodeBoundBlock, SketchBlock.
//
// The life of a row in a slot, and of the slots together (in angle brackets):
//
//     prefetch          asks memory for the row; any number of times, or never
//        │
//     load              reads the row. BlockRelaxation has set rows[slot], bound[slot] and
//        │              parks_at[slot]; load may lower the bound.
//     <prepare>         once for all slots that were loaded for the same panel
//        │
//        ├◄─────────────────────────────────────────────────────────────────────┐
//     <scan>            sets `flags` and `value` for one tile of slots: the     │
//        │              hits, which are picks of this panel that may matter     │
//        ├── no hits ───────────────────────────────────────────────────┐       │
//     postpone          may take hits back, and asks memory for what    │       │
//        │              `apply` will read; changes no bound             │       │ next
//        ├── true: the hits wait until all tiles are scanned            │       │ panel
//        ├── false: the hits that are left are applied at once          │       │
//     apply             may lower bound[slot] and change rows[slot]     │       │
//        ├◄─────────────────────────────────────────────────────────────┘       │
//        ├── bound[slot] > parks_at[slot], more panels ─────────────────────────┘
//        ├── bound[slot] <= parks_at[slot]: the row is parked ──────────┐
//     close             the row has met all picks and scores above      │
//        │              the threshold; a last chance to lower bound     │
//        ├◄─────────────────────────────────────────────────────────────┘
//     store             writes what the block keeps of a row beside bound and nearest;
//        │              only if rows[slot].changed
//     move              the last active row takes the free slot; not after the last panel
//
// BlockRelaxation makes all these calls, for each block on one thread at a time. Only `scan` may
// write `flags` and `value`; no call may touch slots other than those it is given.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "shard/row_state.h"
#include "shard/stats.h"
#include "simd/kernels.h"

namespace pyuniform {

class Block {
 public:
  struct Row {
    int32_t row, nearest;
    uint32_t skip;  // picks of the row's first panel that it has met already
    bool changed;   // whether there is something to store
  };

  // Hits that wait for memory.
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
        pending(capacity) {}
  virtual ~Block() = default;

  // Asks for what `load` reads of row i: gathered rows are where no hardware prefetcher expects
  // them.
  virtual void prefetch(int64_t i) const = 0;

  // Reads the row rows[slot].
  virtual void load(int64_t slot) = 0;

  // Computes what slots `begin` to `end` - 1 need, which have just been loaded.
  virtual void prepare(int64_t /*begin*/, int64_t /*end*/) {}

  // For n rows from slot `at` on: bit c of flags[r] says that pick c of the p-th `width` picks may
  // matter, and value[r * kPanel + c] is what the block has computed for it.
  virtual void scan(int64_t at, int n, int64_t p) = 0;

  // Whether applying the hits `bits` of a row needs something from memory, which is asked for now.
  // A closer look may change values and take hits back.
  virtual bool postpone(int64_t /*slot*/, float* /*values*/, uint32_t& /*bits*/, int64_t /*p*/) {
    return false;
  }

  // Updates nearest and bound by the hits `bits`; `values` are the row's, of the p-th `width`
  // picks.
  virtual void apply(int64_t slot, const float* values, uint32_t bits, int64_t p) = 0;

  // Looks once more at a row that has met all picks and stays above the threshold.
  virtual void close(int64_t /*slot*/) {}

  // Writes what the block keeps of a changed row beside nearest and bound.
  virtual void store(int64_t /*slot*/) {}

  // Copies what the block keeps of a slot.
  virtual void move(int64_t from, int64_t to) = 0;

  // Notes for BlockRelaxation that the row can be parked, if its bound is `at` or less.
  void note_parkable(int64_t slot, double at) {
    parkable[slot / 64] |= static_cast<uint64_t>(bound[slot] <= at) << slot % 64;
  }

  const int64_t capacity, step;
  const int64_t ahead;           // rows between asking for one and loading it
  int64_t width = kPanel;        // picks that rows meet at a time, in the pass under way
  PrefetchHook* hook = nullptr;  // runs now and then within a scan, or null

  // By slot; bounds apart from the rest, since every panel looks at those of all rows.
  std::vector<Row> rows;
  std::vector<double> bound, parks_at;  // a row is parked when its bound is at parks_at or below
  std::vector<uint64_t> parkable;       // a bit a slot

  // Of the last scan, by row of the tile.
  std::vector<uint32_t> flags;
  std::vector<float> value;
  std::vector<PendingHits> pending;  // of the panel

  // What the block has done since they were last collected.
  ShardStats stats;
  Survivors survivors;

 private:
  // More than memory can be asked for in the time it takes to answer.
  static constexpr int64_t kAheadBytes = 4096;
};

}  // namespace pyuniform
