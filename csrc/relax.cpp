// relax: gathered rows × missed picks, with the minimum taken and rows parked on the way.
#include <algorithm>
#include <cstring>

#include "rows.h"
#include "shard.h"

namespace pyuniform {

// One thread's gathered rows. Active rows stay contiguous: a parked row's place is taken by the
// last.
struct Shard::Block {
  struct Row {
    int32_t row, nearest;
    uint32_t skip;  // picks of the first panel that the row has seen already
    bool changed;
    double norm2, upper, bound, second;  // second in the frame's units
  };

  Block(const Matrix& matrix, const Kernels& kernels)
      : reader(matrix, kernels),
        capacity(RowBlock::best_capacity(matrix.d, kernels.tile_rows)),
        packed(capacity, matrix.d, kernels.tile_rows),
        rows(capacity),
        limit(capacity + kernels.tile_rows),
        value(kernels.tile_rows * kPanel),
        below(kernels.tile_rows) {}

  RowReader reader;
  const int64_t capacity;
  RowBlock packed;
  std::vector<Row> rows;
  std::vector<float> limit;  // values below this can matter to the row
  std::vector<float> value;
  std::vector<uint32_t> below;
};

namespace {

// A pick matters if its upper bound is smaller than the row's, or so near above that it might still
// be the nearer one. Of those, `second` keeps the smallest.
template <typename Row>
float matter_limit(const Frame& frame, const Row& row) {
  const double reach = (row.bound + frame.slack(row.norm2, row.bound)) / frame.unit2;
  return round_up((std::min(row.second, reach) - row.upper) / 2);
}

template <typename Row>
void take(const Frame& frame, Row& row, uint32_t bits, const float* value, int64_t first_pick) {
  while (bits) {
    const int c = __builtin_ctz(bits);
    bits &= bits - 1;
    const double upper = row.upper + 2.0 * value[c];
    if (upper * frame.unit2 < row.bound) {
      row.second = std::min(row.second, row.bound / frame.unit2);
      row.bound = upper * frame.unit2;
      row.nearest = static_cast<int32_t>(first_pick + c);
    } else {
      row.second = std::min(row.second, upper);
    }
  }
  row.changed = true;
}

}  // namespace

void Shard::relax_block(const int32_t* rows, int64_t count, double rho, int64_t chunk, Block& block,
                        ShardStats& stats) {
  const int64_t t = panels_.size(), d = matrix_.d,
                chunk_panels = std::max<int64_t>(1, chunk / kPanel);
  int64_t active = 0, next = 0;

  auto finish = [&](int64_t slot, int64_t seen) {
    const Block::Row& row = block.rows[slot];
    seen_[row.row] = static_cast<int32_t>(seen);
    if (row.changed) {
      bound_[row.row] = row.bound;
      second_[row.row] = round_down(row.second);
      nearest_[row.row] = row.nearest;
    }
  };

  for (int64_t p = seen_[rows[0]] / kPanel; p < panels_.count(); ++p) {
    if (active == 0) {
      if (next == count) break;
      p = std::max<int64_t>(p, seen_[rows[next]] / kPanel);
    }
    for (; next < count && seen_[rows[next]] / kPanel <= p; ++next) {
      const int32_t i = rows[next];
      Block::Row& row = block.rows[active];
      row = {i, nearest_[i], (1u << (seen_[i] % kPanel)) - 1, false, 0, 0, bound_[i], second_[i]};
      row.norm2 = block.reader.pack(i, frame_, block.packed.row(active));
      row.upper = frame_.row_upper(row.norm2);
      block.limit[active] = matter_limit(frame_, row);
      ++active;
    }
    const Panel& panel = panels_[p];
    for (int64_t at = 0; at < active; at += kernels_.tile_rows) {
      const int n = static_cast<int>(std::min<int64_t>(kernels_.tile_rows, active - at));
      kernels_.tile(block.packed.row(at), block.packed.stride, n, panel.values.get(),
                    panel.half_upper, d, &block.limit[at], block.value.data(), block.below.data());
      for (int r = 0; r < n; ++r) {
        Block::Row& row = block.rows[at + r];
        const uint32_t bits = block.below[r] & ~row.skip;
        row.skip = 0;
        if (bits == 0) continue;
        take(frame_, row, bits, &block.value[r * kPanel], p * kPanel);
        block.limit[at + r] = matter_limit(frame_, row);
      }
    }
    stats.filter_pairs += active * panels_.filled(p);
    stats.filter_madds += active * kPanel * d;

    if ((p + 1) % chunk_panels != 0) continue;
    const int64_t seen = std::min(t, (p + 1) * kPanel);
    for (int64_t slot = active - 1; slot >= 0; --slot) {
      if (block.rows[slot].bound > rho) continue;
      finish(slot, seen);
      ++stats.parked;
      if (slot != --active) {
        block.rows[slot] = block.rows[active];
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
      Block block(matrix_, kernels_);
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
