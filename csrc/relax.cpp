// relax: gathered rows × missed picks, with the minimum taken and rows parked on the way.
#include <algorithm>
#include <numeric>

#include "shard.h"
#include "sketch_block.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace pyuniform {
namespace {

int thread_number() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

// The rows `row(0)` to `row(n - 1)` that `takes` says yes to, in order.
template <typename Row, typename Takes>
void gather(int64_t n, int threads, Row row, Takes takes, std::vector<int32_t>* out) {
  constexpr int64_t kStep = 1024;
  std::vector<std::vector<int32_t>> found(threads);  // rows of later threads come later
#pragma omp parallel num_threads(worth(10.0 * static_cast<double>(n), threads))
  {
    std::vector<int32_t>& mine = found[thread_number()];
    int32_t some[kStep];
#pragma omp for schedule(static)
    for (int64_t begin = 0; begin < n; begin += kStep) {
      // Without a branch for each row, which would be mispredicted for most that are taken.
      int64_t size = 0;
      for (int64_t j = begin; j < std::min(n, begin + kStep); ++j) {
        const int32_t i = row(j);
        some[size] = i;
        size += takes(i);
      }
      mine.insert(mine.end(), some, some + size);
    }
  }
  out->clear();
  for (const auto& part : found) out->insert(out->end(), part.begin(), part.end());
}

}  // namespace

void Shard::relax_block(const int32_t* rows, int64_t count, double rho, int64_t chunk,
                        Block& block) {
  const int64_t t = picks(), panels = (t + kPanel - 1) / kPanel,
                chunk_panels = std::max<int64_t>(1, chunk / kPanel);
  std::vector<int32_t>& met = pass_ == Pass::witness ? scanned_ : seen_;

  // Rows enter at the first panel they have not finished. They get their slots in that order, by a
  // counting sort, but are loaded as they lie in memory. From there on entered[p - first] slots
  // have entered at panel p.
  int64_t first = panels - 1;
  for (int64_t r = 0; r < count; ++r) first = std::min<int64_t>(first, met[rows[r]] / kPanel);
  std::vector<int64_t>& entered = block.entered;
  entered.assign(panels - first + 1, 0);
  for (int64_t r = 0; r < count; ++r) ++entered[met[rows[r]] / kPanel - first + 1];
  std::partial_sum(entered.begin(), entered.end(), entered.begin());
  for (int64_t r = 0; r < count; ++r) {
    const int32_t i = rows[r], later = rows[std::min(r + block.ahead, count - 1)];
    block.prefetch(later);
    prefetch_value(bound_[later]);
    prefetch_value(nearest_[later]);
    const int64_t slot = entered[met[i] / kPanel - first]++;
    block.rows[slot] = {i, nearest_[i], (1u << (met[i] % kPanel)) - 1, false};
    block.bound[slot] = bound_[i];
    block.parks_at[slot] = parks_at(i, rho);
    block.load(slot);
  }

  auto finish = [&](int64_t slot, int64_t picks) {
    const Block::Row& row = block.rows[slot];
    met[row.row] = static_cast<int32_t>(picks);
    if (row.changed) {
      bound_[row.row] = block.bound[slot];
      nearest_[row.row] = row.nearest;
      block.store(slot);
    }
    if (block.bound[slot] <= block.parks_at[slot]) ++block.stats.parked;
  };

  int64_t begin = 0, end = 0;  // of the active slots
  for (int64_t p = first; p < panels; ++p) {
    if (begin == end) {
      if (end == count) break;
      p = met[block.rows[end].row] / kPanel;
    }
    const int64_t fresh = end;
    end = entered[p - first];
    int64_t news_count = 0;
    for (int64_t at = begin; at < end; at += kernels_.tile_rows) {
      const int n = static_cast<int>(std::min<int64_t>(kernels_.tile_rows, end - at));
      block.scan(at, n, p);
      // Which rows have news, found without a branch that could be mispredicted for each.
      uint32_t news = 0;
      for (int r = 0; r < n; ++r) news |= static_cast<uint32_t>(block.flags[r] != 0) << r;
      for (; news; news &= news - 1) {
        const int r = __builtin_ctz(news);
        const int64_t slot = at + r;
        const uint32_t met_before = slot < fresh ? 0 : block.rows[slot].skip;
        const uint32_t bits = block.flags[r] & ~met_before;
        if (bits == 0) continue;
        Block::News& item = block.news[news_count++];
        item.slot = slot;
        item.bits = bits;
        std::copy_n(&block.value[r * kPanel], kPanel, item.values);
        block.expect(slot, item.values, bits);
      }
    }
    for (int64_t j = 0; j < news_count; ++j)
      block.take(block.news[j].slot, block.news[j].values, block.news[j].bits, p);

    if ((p + 1) % chunk_panels != 0) continue;
    const int64_t picks = std::min(t, (p + 1) * kPanel);
    for (int64_t slot = begin; slot < end; ++slot) {
      if (block.bound[slot] > block.parks_at[slot]) continue;
      finish(slot, picks);
      if (slot != begin) {
        block.rows[slot] = block.rows[begin];
        block.bound[slot] = block.bound[begin];
        block.parks_at[slot] = block.parks_at[begin];
        block.move(begin, slot);
      }
      ++begin;
    }
  }
  for (int64_t slot = begin; slot < end; ++slot) {
    block.last(slot);
    finish(slot, t);
  }
}

// Rows above rho that have not seen all picks.
void Shard::find_wanted(double rho) {
  const int32_t t = static_cast<int32_t>(picks());
  auto all = [](int64_t j) { return static_cast<int32_t>(j); };
  // A bound of zero cannot fall, whatever picks are still unseen.
  const double least = factor_ ? 0.0 : std::max(parks_at(0, rho), 0.0);
  auto open = [&](int32_t i) { return (bound_[i] > least) & (seen_[i] < t); };
  if (factor_)
    gather(
        matrix_.n, threads_, all, [&](int32_t i) { return open(i) && score(i) > rho; }, &wanted_);
  else
    gather(matrix_.n, threads_, all, open, &wanted_);
  stats_.relaxed += static_cast<int64_t>(wanted_.size());
  for (int32_t i : wanted_) stats_.reactivated += seen_[i] < relaxed_picks_;
}

void Shard::start_pass(Pass pass, double rho) {
  pass_ = pass;
  const std::vector<int32_t>& met = pass == Pass::witness ? scanned_ : seen_;
  const int32_t t = static_cast<int32_t>(picks());
  gather(
      static_cast<int64_t>(wanted_.size()), threads_, [&](int64_t j) { return wanted_[j]; },
      [&](int32_t i) { return (met[i] < t) & (score(i) > rho); }, &active_);
  active_done_ = 0;
  int64_t missed = 0;
  for (int32_t i : active_) missed += t - met[i];
  missed_ = static_cast<double>(missed) / std::max<double>(1, static_cast<double>(active_.size()));
}

bool Shard::relax(double rho, int64_t chunk, double budget) {
  if (taken_in_ < matrix_.n && !far_) {
    const double madds =
        static_cast<double>(matrix_.d) * static_cast<double>(4 + sketch_panels_.columns());
    const int64_t rows = static_cast<int64_t>(std::max(1024.0, budget / madds));
    take_in(boxes_ ? std::min(rows, Boxes::kGroup) : rows);
    return false;
  }
  if (boxes_) return relax_boxes(rho, budget);
  if (pass_ == Pass::idle) {
    make_blocks();
    find_wanted(rho);
    // Without a threshold no witness is wanted.
    start_pass(searches() && rho >= 0 ? Pass::witness : Pass::filter, rho);
  }
  const bool witness = pass_ == Pass::witness;
  const auto& blocks = witness ? witness_blocks_ : filter_blocks_;
  const int64_t left = static_cast<int64_t>(active_.size()) - active_done_;
  if (left > 0) {
    const double row_madds = missed_ * static_cast<double>(matrix_.d);
    const double rows = std::max(1024.0, budget / row_madds);
    const int64_t take = rows < static_cast<double>(left) ? static_cast<int64_t>(rows) : left;
    const int32_t* first = active_.data() + active_done_;
    // Small enough that all threads get several blocks, since blocks differ much in their work.
    const int64_t even = (take + 8 * threads_ - 1) / (8 * threads_);
    const int64_t block_rows =
        std::min(blocks[0]->capacity, std::max<int64_t>(even, 4 * kernels_.tile_rows));
    const int64_t count = (take + block_rows - 1) / block_rows;
    const double madds = static_cast<double>(take) * row_madds;
#pragma omp parallel num_threads(far_ ? threads_ : worth(madds, threads_))
    {
      Block& block = *blocks[thread_number()];
#pragma omp for schedule(dynamic)
      for (int64_t b = 0; b < count; ++b) {
        const int64_t begin = b * block_rows;
        relax_block(first + begin, std::min(block_rows, take - begin), rho, chunk, block);
      }
    }
    for (const auto& block : blocks) {
      if (witness) block->stats.witnessed = block->stats.parked;
      block->stats.float64_madds = block->stats.exact_pairs * padded(matrix_.d);
      stats_.add(block->stats);
      block->stats = {};
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
  return true;
}

}  // namespace pyuniform
