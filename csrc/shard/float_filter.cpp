#include "shard/float_filter.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "core/thread_pool.h"
#include "picks/exact_distance.h"
#include "rows/rounding.h"
#include "rows/row_reader.h"
#include "shard/float_block.h"
#include "shard/rescan.h"

namespace pyuniform {

FloatFilter::FloatFilter(const ShardContext& context)
    : BlockFilter(context), panels_(context.kernels, context.matrix.d) {
  const Matrix& matrix = context.matrix;
  fill(&second_, 0, matrix.n, kSettled,
       useful_threads(1e3 * static_cast<double>(matrix.n), context.threads));
  std::vector<float> packed(matrix.d);
  std::vector<double> scratch(padded(matrix.d));
  RowReader reader(matrix, context.kernels);
  for (int64_t c = 0; c < context.picks.size(); ++c) {
    const double* values = context.picks.doubles(c, reader, scratch.data());
    const double norm2 =
        context.kernels.pack(values, DType::f64, context.frame.scale(1),
                             context.frame.center.data(), matrix.d, packed.data(), nullptr);
    panels_.append(context.frame, packed.data(), norm2);
  }
}

void FloatFilter::add_picks(const NewPicks& picks) {
  for (int64_t c = 0; c < picks.count; ++c)
    panels_.append(context_.frame, picks.in_frame(c), picks.norm2[c]);
}

std::unique_ptr<Block> FloatFilter::make_block() {
  return std::make_unique<FloatBlock>(context_, panels_, second_.data());
}

// The old nearest is one of the others now.
void FloatFilter::nearest_replaced(int64_t row, double bound2) {
  second_[row] = std::min(second_[row], round_down(context_.frame.in_units(bound2)));
}

void FloatFilter::settle(const int64_t* rows, int64_t count, RowState& state, ShardStats* stats) {
  const Frame& frame = context_.frame;
  std::vector<int64_t> open;  // rows of which the nearest pick is still in doubt
  int64_t exact_pairs = 0;
  std::mutex mutex;
  const int threads = context_.threads_for_rows(count);
  in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
    RowReader reader(context_.matrix, context_.kernels);
    ExactDistance decider(context_.matrix, context_.kernels, context_.picks);
    std::vector<float> packed(context_.matrix.d);
    std::vector<int64_t> mine;
    int64_t pairs = 0;
    auto settle_row = [&](int64_t i) {
      // Settled already, or nothing seen yet, or nothing to gain.
      if (second_[i] == kSettled || state.nearest[i] < 0 || state.bound[i] <= 0) return;
      state.bound[i] = decider.distance2(i, state.nearest[i]);
      ++pairs;
      const double norm2 = reader.pack(i, frame, packed.data());
      if (frame.excludes(second_[i], norm2, frame.in_units(state.bound[i])))
        second_[i] = kSettled;
      else
        mine.push_back(i);
    };
    for (const auto [from, to] : share)
      for (int64_t m = from; m < to; ++m) settle_row(rows[m]);
    std::lock_guard<std::mutex> lock(mutex);
    open.insert(open.end(), mine.begin(), mine.end());
    exact_pairs += pairs;
  });
  stats->exact_pairs += exact_pairs;
  stats->float64_madds += exact_pairs * padded(context_.matrix.d);
  rescan(open, state, stats);
}

// Makes the bounds of rows exact by looking at all picks that they have seen.
void FloatFilter::rescan(const std::vector<int64_t>& rows, RowState& state, ShardStats* stats) {
  const int64_t d = context_.matrix.d, count = static_cast<int64_t>(rows.size());
  const int64_t tile_rows = context_.kernels.tile_rows;
  // Small groups share the panels they stream; what is left of a tile is shared out among threads.
  const int64_t group = std::max(
      tile_rows, std::min(8 * tile_rows, count / context_.threads / tile_rows * tile_rows));
  const double madds = static_cast<double>(count) * static_cast<double>(context_.picks.size() * d);
  const int threads = useful_threads(madds, context_.threads);
  ShardStats all;
  std::mutex mutex;
  in_parallel(0, count, group, threads, [&](Share& share) {
    Rescan mine(context_, panels_, state, group);
    for (const auto [begin, end] : share) {
      mine.run(&rows[begin], end - begin);
      for (int64_t r = begin; r < end; ++r) second_[rows[r]] = kSettled;
    }
    std::lock_guard<std::mutex> lock(mutex);
    all.add(mine.stats());
  });
  all.rescanned = count;
  all.float32_madds = all.filter_pairs * d;
  all.float64_madds = all.exact_pairs * padded(d);
  stats->add(all);
}

}  // namespace pyuniform
