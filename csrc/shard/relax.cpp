// relax: gathered rows × missed picks, with the minimum taken and rows parked on the way.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>

#include "core/thread_pool.h"
#include "shard/shard.h"
#include "shard/sketch_block.h"

namespace pyuniform {
namespace {

// Rows that are sorted together, those of some full blocks: enough for tiles to be full.
int64_t window_of(const Block& block) { return 16 * block.capacity; }

// What `list` writes down of each `kStep` of n places, in order: `list(begin, end, some, left)`
// puts at most as many rows as there are places into `some`, and returns their number. What it adds
// to `left` comes to *all, in order too.
constexpr int64_t kStep = 64;

template <typename List>
void gather(int64_t n, int threads, List list, std::vector<int32_t>* out, Survivors* all) {
  threads = useful_threads(10.0 * static_cast<double>(n), threads);
  const int64_t step = even_step(n, kStep, threads);
  std::vector<std::vector<int32_t>> found((n + step - 1) / step);
  std::vector<Survivors> left(found.size());
  in_parallel(0, n, step, threads, [&](Share& share) {
    int32_t some[kStep];
    for (const auto [from, to] : share) {
      std::vector<int32_t>& mine = found[from / step];
      for (int64_t begin = from; begin < to; begin += kStep)
        mine.insert(mine.end(), some,
                    some + list(begin, std::min(to, begin + kStep), some, &left[from / step]));
    }
  });
  for (Survivors& part : left) all->take(&part);
  out->clear();
  for (const auto& part : found) out->insert(out->end(), part.begin(), part.end());
}

// Where each block begins of the rows from `begin` to `end`, and where the last ends. Blocks differ
// much in their work: so they become smaller, to some tiles, that threads may end together. None
// has rows of two windows, since these are sorted apart.
std::vector<int64_t> shares(int64_t begin, int64_t end, int threads, int64_t tile_rows,
                            const Block& block) {
  const int64_t window = window_of(block);
  std::vector<int64_t> begins = {begin};
  while (begin < end) {
    const int64_t even = (end - begin) / (3 * threads) / tile_rows * tile_rows;
    const int64_t sorted = (begin / window + 1) * window;
    begin = std::min({end, sorted, begin + std::clamp(even, 2 * tile_rows, block.capacity)});
    begins.push_back(begin);
  }
  return begins;
}

// The block that a thread will take up next: its rows are asked for while the thread works on one.
template <typename Ask>
class RowPrefetcher final : public PrefetchHook {
 public:
  explicit RowPrefetcher(Ask ask) : ask_(ask) {}

  void set(const int32_t* rows, int64_t count) { next_ = rows, end_ = rows + count; }

  void step() override {
    for (int s = 0; s < kRowsAStep && next_ < end_; ++s) ask_(*next_++);
  }

 private:
  // So that tiles and memory are about equally quick.
  static constexpr int kRowsAStep = 2;

  const Ask ask_;
  const int32_t *next_ = nullptr, *end_ = nullptr;
};

}  // namespace

// Asks memory for what relax_block reads of a row when it takes it up.
void Shard::ask_for(int32_t row, const Block& block) const {
  block.prefetch(row);
  prefetch_value((pass_ == Pass::witness ? scanned_ : seen_)[row]);
  prefetch_value(bound_[row]);
  prefetch_value(nearest_[row]);
}

void Shard::relax_block(const int32_t* rows, int64_t count, double rho, double aim, int64_t chunk,
                        Block& block) {
  const int64_t t = picks(), width = block.width, panels = (t + width - 1) / width,
                chunk_panels = (chunk + width - 1) / width;
  UninitializedVector<int32_t>& met = pass_ == Pass::witness ? scanned_ : seen_;
  const bool lists = pass_ == Pass::filter && lists_above(rho);
  int64_t active = 0, next = 0;
  std::fill(block.parkable.begin(), block.parkable.end(), 0);

  auto finish = [&](int64_t slot, int64_t picks) {
    const Block::Row& row = block.rows[slot];
    met[row.row] = static_cast<int32_t>(picks);
    if (row.changed) {
      bound_[row.row] = block.bound[slot];
      nearest_[row.row] = row.nearest;
      block.store(slot);
    }
    // What has just been stored may have left the cache since it was read.
    const double left = score(row.row, block.bound[slot]);
    if (left <= rho) {
      ++block.stats.parked;
      block.left.below = std::max(block.left.below, left);
    } else if (lists) {
      block.left.above.push_back(row.row);
    }
  };

  for (int64_t p = met[rows[0]] / width; p < panels; ++p) {
    if (active == 0) {
      if (next == count) break;
      p = std::max<int64_t>(p, met[rows[next]] / width);
    }
    const int64_t fresh = active;
    for (; next < count && met[rows[next]] / width <= p; ++next) {
      const int32_t i = rows[next];
      ask_for(rows[std::min(next + block.ahead, count - 1)], block);
      block.rows[active] = {i, nearest_[i], (1u << (met[i] % width)) - 1, false};
      block.bound[active] = bound_[i];
      block.parks_at[active] = parks_at(i, aim);
      block.load(active);
      block.note_parkable(active, block.parks_at[active]);
      ++active;
    }
    if (active > fresh) block.loaded(fresh, active);
    auto take = [&](int64_t slot, const float* values, uint32_t bits) {
      block.take(slot, values, bits, p);
      block.note_parkable(slot, block.parks_at[slot]);
    };
    int64_t news_count = 0;
    for (int64_t at = 0; at < active; at += kernels_.tile_rows) {
      const int n = static_cast<int>(std::min<int64_t>(kernels_.tile_rows, active - at));
      block.scan(at, n, p);
      // Which rows have news, found without a branch that could be mispredicted for each.
      uint32_t news = 0;
      for (int r = 0; r < n; ++r) news |= static_cast<uint32_t>(block.flags[r] != 0) << r;
      for (; news; news &= news - 1) {
        const int r = __builtin_ctz(news);
        const int64_t slot = at + r;
        const uint32_t met_before = slot < fresh ? 0 : block.rows[slot].skip;
        uint32_t bits = block.flags[r] & ~met_before;
        if (bits == 0) continue;
        float* values = &block.value[r * kPanel];
        if (!block.expect(slot, values, bits, p)) {
          if (bits) take(slot, values, bits);
          continue;
        }
        Block::PendingHits& item = block.news[news_count++];
        item.slot = slot;
        item.bits = bits;
        std::memcpy(item.values, values, sizeof item.values);
      }
    }
    for (int64_t j = 0; j < news_count; ++j) {
      const Block::PendingHits& item = block.news[j];
      take(item.slot, item.values, item.bits);
    }

    if ((p + 1) % chunk_panels != 0) continue;
    const int64_t picks = std::min(t, (p + 1) * width);
    // A panel that is not full will be looked at again: now only by those rows that must.
    const bool full = t >= (p + 2) * width;
    for (int64_t slot = 0; !full && slot < active; ++slot)
      block.note_parkable(slot, parks_at(block.rows[slot].row, rho));
    // From the last on, whose place no other takes.
    for (int64_t word = (active - 1) / 64; word >= 0; --word) {
      for (uint64_t& left = block.parkable[word]; left;) {
        const int bit = 63 - __builtin_clzll(left);
        const int64_t slot = 64 * word + bit;
        left ^= uint64_t{1} << bit;
        finish(slot, picks);
        if (slot == --active) continue;
        block.rows[slot] = block.rows[active];
        block.bound[slot] = block.bound[active];
        block.parks_at[slot] = block.parks_at[active];
        block.move(active, slot);
      }
    }
  }
  for (int64_t slot = 0; slot < active; ++slot) {
    if (block.bound[slot] > parks_at(block.rows[slot].row, rho)) block.last(slot);
    finish(slot, t);
  }
}

// Rows above rho that have not seen all picks; and those that have, and the best of the others.
void Shard::find_wanted(double rho) {
  const bool lists = lists_above(rho);
  const int32_t t = static_cast<int32_t>(picks());
  // A bound of zero cannot fall, whatever picks are still unseen.
  const double least = factor_ ? 0.0 : std::max(parks_at(0, rho), 0.0);
  auto list = [&](int64_t begin, int64_t end, int32_t* some, Survivors* mine) {
    int64_t size = 0;
    for (uint64_t open = kernels_.which_above(&bound_[begin], end - begin, least, &mine->below);
         open; open &= open - 1) {
      const int32_t i = static_cast<int32_t>(begin + __builtin_ctzll(open));
      const bool taken = !(factor_ && score(i) <= rho), met = seen_[i] >= t;
      some[size] = i;
      size += taken && !met;
      if (met && lists) mine->above.push_back(i);
    }
    return size;
  };
  left_ = {};
  listed_above_ = std::numeric_limits<double>::infinity();
  gather(matrix_.n, threads_, list, &wanted_, &left_);
  const int64_t count = static_cast<int64_t>(wanted_.size());
  stats_.relaxed += count;
  std::atomic<int64_t> reactivated{0};
  const int threads = useful_threads(100.0 * static_cast<double>(count), threads_);
  in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
    int64_t mine = 0;
    for (const auto [from, to] : share)
      for (int64_t j = from; j < to; ++j) mine += seen_[wanted_[j]] < relaxed_picks_;
    reactivated += mine;
  });
  stats_.reactivated += reactivated;
}

void Shard::start_pass(Pass pass, double rho) {
  const UninitializedVector<int32_t>& met = pass == Pass::witness ? scanned_ : seen_;
  const int32_t t = static_cast<int32_t>(picks());
  if (pass_ == Pass::idle && pass == Pass::filter) {
    active_.swap(wanted_);  // these have just been chosen, and no other pass will ask
  } else {
    auto list = [&](int64_t begin, int64_t end, int32_t* some, Survivors*) {
      // Without a branch for each row, which would be mispredicted for most that are taken.
      int64_t size = 0;
      for (int64_t j = begin; j < end; ++j) {
        const int32_t i = wanted_[j];
        some[size] = i;
        size += (met[i] < t) & (score(i) > rho);
      }
      return size;
    };
    Survivors none;
    gather(static_cast<int64_t>(wanted_.size()), threads_, list, &active_, &none);
  }
  pass_ = pass;
  active_done_ = 0;
  const int64_t count = static_cast<int64_t>(active_.size());

  const Block& first_block = block(pass, 0);
  // Without a threshold none is parked, and whole panels are quicker.
  width_ = rho < 0 ? kPanel : first_block.step;

  // A counting sort by the first panel a row has not finished, so that the rows of a block walk the
  // panels together; of some blocks at a time, side by side.
  std::atomic<int64_t> missed{0};
  const int threads = useful_threads(100.0 * static_cast<double>(count), threads_);
  in_parallel(0, count, window_of(first_block), threads, [&](Share& share) {
    std::vector<int64_t> place;
    std::vector<int32_t> rows;
    int64_t mine = 0;
    for (const auto [begin, end] : share) {
      const auto first = active_.begin() + begin;
      rows.assign(first, active_.begin() + end);
      place.assign(t / width_ + 2, 0);
      for (int32_t i : rows) {
        mine += t - met[i];
        ++place[met[i] / width_ + 1];
      }
      std::partial_sum(place.begin(), place.end(), place.begin());
      for (int32_t i : rows) first[place[met[i] / width_]++] = i;
    }
    missed += mine;
  });
  missed_ = static_cast<double>(missed) / static_cast<double>(std::max<int64_t>(1, count));
}

bool Shard::relax(double rho, double aim, int64_t chunk, double budget) {
  if (taken_in_ < matrix_.n && !far_) {
    const int64_t rows = static_cast<int64_t>(std::max(1024.0, budget / madds_a_row()));
    take_in(boxes_ ? std::min(rows, Boxes::kGroup) : rows);
    return false;
  }
  if (boxes_) return relax_boxes(rho, budget);
  if (pass_ == Pass::idle) {
    find_wanted(rho);
    // Without a threshold no witness is wanted.
    start_pass(searches() && rho >= 0 ? Pass::witness : Pass::filter, rho);
  }
  const bool witness = pass_ == Pass::witness;
  const int64_t left = static_cast<int64_t>(active_.size()) - active_done_;
  if (left > 0) {
    const double row_madds = missed_ * static_cast<double>(matrix_.d);
    // Some small blocks at least for each thread.
    const int64_t take = std::min(left, std::max(static_cast<int64_t>(budget / row_madds),
                                                 int64_t{8} * threads_ * kernels_.tile_rows));
    const std::vector<int64_t> begins =
        shares(active_done_, active_done_ + take, threads_, kernels_.tile_rows, block(pass_, 0));
    const int64_t count = static_cast<int64_t>(begins.size()) - 1;
    const int32_t* rows = active_.data();
    const double madds = static_cast<double>(take) * row_madds;
    in_parallel(0, count, 1, far_ ? threads_ : useful_threads(madds, threads_), [&](Share& share) {
      Block& own = block(pass_, share.slot());
      own.width = width_;
      RowPrefetcher upcoming([&](int32_t row) { ask_for(row, own); });
      own.meanwhile = &upcoming;
      for (const auto [b, end] : share) {
        // Where blocks take about as long as each other.
        const int64_t after = std::min<int64_t>(count, b + threads_);
        upcoming.set(rows + begins[after], begins[std::min(count, after + 1)] - begins[after]);
        relax_block(rows + begins[b], begins[end] - begins[b], rho, aim, chunk, own);
      }
      own.meanwhile = nullptr;
    });
    for (const auto& block : witness ? witness_blocks_ : filter_blocks_) {
      if (!block) continue;  // of a thread that never came
      if (witness) block->stats.witnessed = block->stats.parked;
      block->stats.float64_madds = block->stats.exact_pairs * padded(matrix_.d);
      stats_.add(block->stats);
      block->stats = {};
      left_.take(&block->left);
    }
    active_done_ += take;
  }
  if (active_done_ < static_cast<int64_t>(active_.size())) return false;
  if (witness) {
    start_pass(Pass::filter, rho);
    return false;
  }
  pass_ = Pass::idle;
  relaxed_picks_ = picks();
  if (lists_above(rho)) listed_above_ = rho;
  return true;
}

}  // namespace pyuniform
