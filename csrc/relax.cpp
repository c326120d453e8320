// relax: gathered rows × missed picks, with the minimum taken and rows parked on the way.
#include <algorithm>
#include <cstring>

#include "rows.h"
#include "shard.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace pyuniform {

// One thread's gathered rows. Active rows stay contiguous: a parked row's place is taken by the
// last.
struct Shard::Block {
  struct Row {
    int32_t row, nearest;
    uint32_t skip;  // picks of the first panel that the row has seen already
    bool changed;
    float best, second;  // the two smallest values, as the tile computes them
    double norm2, upper;
  };

  Block(const Matrix& matrix, const Kernels& kernels)
      : reader(matrix, kernels),
        capacity(RowBlock::best_capacity(matrix.d, kernels.tile_rows)),
        packed(capacity, matrix.d, kernels.tile_rows),
        rows(capacity),
        bound(capacity),
        limit(capacity + kernels.tile_rows),
        value(kernels.tile_rows * kPanel),
        below(kernels.tile_rows) {}

  RowReader reader;
  const int64_t capacity;
  RowBlock packed;
  std::vector<Row> rows;
  // Apart from the rest, since every panel looks at these of all rows.
  std::vector<double> bound;  // in the frame's units
  std::vector<float> limit;   // values below this can matter to the row
  std::vector<float> value;
  std::vector<uint32_t> below;
};

namespace {

int thread_number() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

// A pick matters if its upper bound is smaller than the row's, or so near above that it might still
// be the nearer one. Of those, `second` keeps the smallest.
template <typename Row>
float matter_limit(const Frame& frame, const Row& row) {
  const double slack = frame.slack(row.norm2, row.upper + 2.0 * row.best);
  return std::min(row.second, round_up(row.best + slack / 2));
}

// Takes note of the picks whose bits are set. Returns whether one of them is nearer than all
// before.
template <typename Row>
bool take(Row& row, uint32_t bits, const float* value, int64_t first_pick) {
  int nearest = -1;
  for (; bits; bits &= bits - 1) {
    const int c = __builtin_ctz(bits);
    row.second = std::min(row.second, std::max(row.best, value[c]));
    nearest = value[c] < row.best ? c : nearest;
    row.best = std::min(row.best, value[c]);
  }
  row.changed = true;
  if (nearest < 0) return false;
  row.nearest = static_cast<int32_t>(first_pick + nearest);
  return true;
}

}  // namespace

void Shard::relax_block(const int32_t* rows, int64_t count, double rho, int64_t chunk, Block& block,
                        ShardStats& stats) {
  const int64_t t = panels_.size(), d = matrix_.d,
                chunk_panels = std::max<int64_t>(1, chunk / kPanel);
  const double parked = rho / frame_.unit2;
  int64_t active = 0, next = 0;

  auto finish = [&](int64_t slot, int64_t seen) {
    const Block::Row& row = block.rows[slot];
    seen_[row.row] = static_cast<int32_t>(seen);
    if (row.changed) {
      bound_[row.row] = block.bound[slot] * frame_.unit2;
      second_[row.row] = round_down(row.upper + 2.0 * row.second);
      nearest_[row.row] = row.nearest;
    }
  };

  for (int64_t p = seen_[rows[0]] / kPanel; p < panels_.count(); ++p) {
    if (active == 0) {
      if (next == count) break;
      p = std::max<int64_t>(p, seen_[rows[next]] / kPanel);
    }
    const int64_t fresh = active;
    for (; next < count && seen_[rows[next]] / kPanel <= p; ++next) {
      const int32_t i = rows[next];
      block.reader.prefetch(rows[std::min(next + 2, count - 1)]);
      // Rounded up where the division underflows: a bound above rho must not look parked.
      const double bound = std::max(bound_[i] / frame_.unit2, std::numeric_limits<double>::min());
      const uint32_t skip = (1u << (seen_[i] % kPanel)) - 1;
      const double norm2 = block.reader.pack(i, frame_, block.packed.row(active));
      const double upper = frame_.row_upper(norm2);
      // Rounded down, so that no other pick's bound is taken to be larger than it is.
      const float best = round_down((bound - upper) / 2);
      const float second = round_down((second_[i] - upper) / 2);
      block.rows[active] = {i, nearest_[i], skip, false, best, second, norm2, upper};
      block.bound[active] = bound;
      block.limit[active] = matter_limit(frame_, block.rows[active]);
      ++active;
    }
    const Panel& panel = panels_[p];
    for (int64_t at = 0; at < active; at += kernels_.tile_rows) {
      const int n = static_cast<int>(std::min<int64_t>(kernels_.tile_rows, active - at));
      kernels_.tile(block.packed.row(at), block.packed.stride, n, panel.values.get(),
                    panel.half_upper, d, &block.limit[at], block.value.data(), block.below.data());
      // Which rows have news, found without a branch that could be mispredicted for each.
      uint32_t news = 0;
      for (int r = 0; r < n; ++r) news |= static_cast<uint32_t>(block.below[r] != 0) << r;
      for (; news; news &= news - 1) {
        const int r = __builtin_ctz(news);
        const int64_t slot = at + r;
        Block::Row& row = block.rows[slot];
        const uint32_t bits = slot < fresh ? block.below[r] : block.below[r] & ~row.skip;
        if (bits == 0) continue;
        if (take(row, bits, &block.value[r * kPanel], p * kPanel))
          block.bound[slot] = row.upper + 2.0 * row.best;
        block.limit[slot] = matter_limit(frame_, row);
      }
    }
    stats.filter_pairs += active * panels_.filled(p);
    stats.filter_madds += active * kPanel * d;

    if ((p + 1) % chunk_panels != 0) continue;
    const int64_t seen = std::min(t, (p + 1) * kPanel);
    for (int64_t slot = active - 1; slot >= 0; --slot) {
      if (block.bound[slot] > parked) continue;
      finish(slot, seen);
      ++stats.parked;
      if (slot != --active) {
        block.rows[slot] = block.rows[active];
        block.bound[slot] = block.bound[active];
        block.limit[slot] = block.limit[active];
        std::memcpy(block.packed.row(slot), block.packed.row(active), d * sizeof(float));
      }
    }
  }
  for (int64_t slot = 0; slot < active; ++slot) finish(slot, t);
}

void Shard::start_relax(double rho) {
  // A counting sort by the first panel a row has not finished, so that the rows of a block walk the
  // panels together.
  const int32_t t = static_cast<int32_t>(panels_.size());
  std::vector<int64_t> place(t / kPanel + 2, 0);
  // A bound of zero cannot fall, whatever picks are still unseen.
  auto wanted = [&](int64_t i) { return bound_[i] > rho && bound_[i] > 0 && seen_[i] < t; };
  for (int64_t i = 0; i < matrix_.n; ++i)
    if (wanted(i)) ++place[seen_[i] / kPanel + 1];
  for (size_t p = 1; p < place.size(); ++p) place[p] += place[p - 1];
  active_.resize(place.back());
  for (int64_t i = 0; i < matrix_.n; ++i)
    if (wanted(i)) active_[place[seen_[i] / kPanel]++] = static_cast<int32_t>(i);
  active_done_ = 0;
  relaxing_ = true;
}

bool Shard::relax(double rho, int64_t chunk, double budget) {
  if (!relaxing_) start_relax(rho);
  while (static_cast<int>(blocks_.size()) < threads_)
    blocks_.push_back(std::make_shared<Block>(matrix_, kernels_));
  const int64_t left = static_cast<int64_t>(active_.size()) - active_done_;
  if (left > 0) {
    const double missed = static_cast<double>(panels_.size() - seen_[active_[active_done_]]);
    const double rows = std::max(1024.0, budget / (missed * static_cast<double>(matrix_.d)));
    const int64_t take = rows < static_cast<double>(left) ? static_cast<int64_t>(rows) : left;
    const int32_t* first = active_.data() + active_done_;
    const int64_t capacity = RowBlock::best_capacity(matrix_.d, kernels_.tile_rows);
    // Small enough that all threads get several blocks, since blocks differ much in their work.
    const int64_t even = (take + 8 * threads_ - 1) / (8 * threads_);
    const int64_t block_rows = std::min(capacity, std::max<int64_t>(even, 4 * kernels_.tile_rows));
    const int64_t blocks = (take + block_rows - 1) / block_rows;
#pragma omp parallel num_threads(threads_)
    {
      Block& block = *blocks_[thread_number()];
      ShardStats stats;
#pragma omp for schedule(dynamic)
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t begin = b * block_rows;
        relax_block(first + begin, std::min(block_rows, take - begin), rho, chunk, block, stats);
      }
#pragma omp critical
      {
        stats_.filter_pairs += stats.filter_pairs;
        stats_.filter_madds += stats.filter_madds;
        stats_.parked += stats.parked;
      }
    }
    active_done_ += take;
  }
  relaxing_ = active_done_ < static_cast<int64_t>(active_.size());
  return !relaxing_;
}

}  // namespace pyuniform
