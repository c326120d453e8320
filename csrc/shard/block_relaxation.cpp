#include "shard/block_relaxation.h"

#include <algorithm>
#include <cstring>

namespace pyuniform {

void BlockRelaxation::prefetch(int32_t row) const {
  block_.prefetch(row);
  prefetch_value(met_[row]);
  prefetch_value(state_.bound[row]);
  prefetch_value(state_.nearest[row]);
}

void BlockRelaxation::run(const int32_t* rows, int64_t count) {
  const int64_t width = block_.width, panels = (picks_ + width - 1) / width,
                chunk_panels = (call_.chunk + width - 1) / width;
  rows_ = rows;
  count_ = count;
  next_ = active_ = 0;
  std::fill(block_.parkable.begin(), block_.parkable.end(), 0);
  for (int64_t p = first_panel(0); p < panels; ++p) {
    if (active_ == 0) {
      if (next_ == count_) break;
      p = std::max(p, first_panel(next_));
    }
    admit(p);
    scan(p);
    apply_pending(p);
    if ((p + 1) % chunk_panels == 0) park(p);
  }
  retire_rest();
}

// Takes up the rows whose first missed pick lies in panel p.
void BlockRelaxation::admit(int64_t p) {
  const int64_t width = block_.width;
  fresh_ = active_;
  for (; next_ < count_ && first_panel(next_) <= p; ++next_, ++active_) {
    const int32_t i = rows_[next_];
    prefetch(rows_[std::min(next_ + block_.ahead, count_ - 1)]);
    block_.rows[active_] = {i, state_.nearest[i], (1u << (met_[i] % width)) - 1, false};
    block_.bound[active_] = state_.bound[i];
    block_.parks_at[active_] = state_.scores().parks_at(i, call_.aim);
    block_.load(active_);
    block_.note_parkable(active_, block_.parks_at[active_]);
  }
  if (active_ > fresh_) block_.prepare(fresh_, active_);
}

// Lets all active rows look at panel p.
void BlockRelaxation::scan(int64_t p) {
  pending_ = 0;
  for (int64_t at = 0; at < active_; at += tile_rows_) {
    const int n = static_cast<int>(std::min(tile_rows_, active_ - at));
    block_.scan(at, n, p);
    // Which rows have hits, found without a branch that could be mispredicted for each.
    uint32_t hit = 0;
    for (int r = 0; r < n; ++r) hit |= static_cast<uint32_t>(block_.flags[r] != 0) << r;
    for (; hit; hit &= hit - 1) {
      const int r = __builtin_ctz(hit);
      take_hits(at + r, r, p);
    }
  }
}

// Applies the hits of row r of the tile that was scanned last, or puts them off.
void BlockRelaxation::take_hits(int64_t slot, int r, int64_t p) {
  const uint32_t met_before = slot < fresh_ ? 0 : block_.rows[slot].skip;
  uint32_t bits = block_.flags[r] & ~met_before;
  if (bits == 0) return;
  float* values = &block_.value[r * kPanel];
  if (!block_.postpone(slot, values, bits, p)) {
    if (bits) apply(slot, values, bits, p);
    return;
  }
  Block::PendingHits& hits = block_.pending[pending_++];
  hits.slot = slot;
  hits.bits = bits;
  std::memcpy(hits.values, values, sizeof hits.values);
}

void BlockRelaxation::apply(int64_t slot, const float* values, uint32_t bits, int64_t p) {
  block_.apply(slot, values, bits, p);
  block_.note_parkable(slot, block_.parks_at[slot]);
}

void BlockRelaxation::apply_pending(int64_t p) {
  for (int64_t j = 0; j < pending_; ++j) {
    const Block::PendingHits& hits = block_.pending[j];
    apply(hits.slot, hits.values, hits.bits, p);
  }
}

// Retires the rows that have come down far enough after panel p.
void BlockRelaxation::park(int64_t p) {
  const int64_t width = block_.width, met = std::min(picks_, (p + 1) * width);
  // A panel that is not full will be looked at again: now only by those rows that must.
  const bool full = picks_ >= (p + 2) * width;
  for (int64_t slot = 0; !full && slot < active_; ++slot)
    block_.note_parkable(slot, state_.scores().parks_at(block_.rows[slot].row, call_.rho));
  // From the last on, whose slot no other takes.
  for (int64_t word = (active_ - 1) / 64; word >= 0; --word) {
    for (uint64_t& left = block_.parkable[word]; left;) {
      const int bit = 63 - __builtin_clzll(left);
      const int64_t slot = 64 * word + bit;
      left ^= uint64_t{1} << bit;
      retire(slot, met);
      fill_gap(slot);
    }
  }
}

// Writes back what is known of a row that has now met so many picks.
void BlockRelaxation::retire(int64_t slot, int64_t met) {
  const Block::Row& row = block_.rows[slot];
  met_[row.row] = static_cast<int32_t>(met);
  if (row.changed) {
    state_.bound[row.row] = block_.bound[slot];
    state_.nearest[row.row] = row.nearest;
    block_.store(slot);
  }
  // What has just been stored may have left the cache since it was read.
  const double score = state_.scores().of(row.row, block_.bound[slot]);
  if (score <= call_.rho) {
    ++block_.stats.parked;
    block_.survivors.below = std::max(block_.survivors.below, score);
  } else if (lists_) {
    block_.survivors.above.push_back(row.row);
  }
}

// Moves the last active row into a slot that has become free.
void BlockRelaxation::fill_gap(int64_t slot) {
  if (slot == --active_) return;
  block_.rows[slot] = block_.rows[active_];
  block_.bound[slot] = block_.bound[active_];
  block_.parks_at[slot] = block_.parks_at[active_];
  block_.move(active_, slot);
}

// Retires the rows that have met all picks.
void BlockRelaxation::retire_rest() {
  for (int64_t slot = 0; slot < active_; ++slot) {
    const int32_t i = block_.rows[slot].row;
    if (block_.bound[slot] > state_.scores().parks_at(i, call_.rho)) block_.close(slot);
    retire(slot, picks_);
  }
}

}  // namespace pyuniform
