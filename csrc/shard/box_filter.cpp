#include "shard/box_filter.h"

#include <algorithm>
#include <atomic>

#include "core/thread_pool.h"

namespace pyuniform {

void BoxFilter::rows_taken_in(int64_t begin, int64_t end) {
  boxes_.add_rows(context_.matrix, context_.kernels, begin, end, context_.threads);
}

void BoxFilter::add_picks(const NewPicks& picks) {
  const int64_t width = padded(context_.matrix.d);
  for (int64_t c = 0; c < picks.count; ++c) boxes_.add_pick(picks.values + c * width);
}

bool BoxFilter::relax(const RelaxCall& call) {
  const Scores& scores = call.state.scores();
  const int64_t all = boxes_.outer_count(), picks = context_.picks.size();
  const double each = static_cast<double>(Boxes::kRows * Boxes::kInner * context_.matrix.d * picks);
  const int64_t end =
      std::min(all, done_ + static_cast<int64_t>(std::max(8.0, call.budget / each)));
  // With factors all boxes are looked at.
  const double parks_at = scores.are_bounds() ? scores.parks_at(0, call.rho) : -1;
  std::atomic<int64_t> pairs{0}, relaxed{0};
  // Most boxes have met all picks but the last.
  const double fresh =
      static_cast<double>(picks - call.state.relaxed_picks) / static_cast<double>(picks);
  const int threads =
      useful_threads(fresh * each * static_cast<double>(end - done_), context_.threads);
  in_parallel(done_, end, 1, threads, [&](Share& share) {
    int64_t met = 0, rows = 0;
    for (const auto [outer, after] : share) {
      int64_t own = 0;
      met += boxes_.meet(context_.kernels, outer, parks_at, &own);
      rows += own;
    }
    pairs += met;
    relaxed += rows;
  });
  call.stats.exact_pairs += pairs;
  call.stats.float64_madds += pairs * padded(context_.matrix.d);
  call.stats.relaxed += relaxed;
  done_ = end;
  if (end < all) return false;
  done_ = 0;
  if (!scores.are_bounds()) update(call.state);
  return true;
}

void BoxFilter::update(RowState& state) { boxes_.store(state.bound.data(), state.nearest.data()); }

void BoxFilter::offer(double rho, RowState& state, int threads, BestRows* best) {
  // With factors scores are no bounds, and boxes cannot be passed over.
  if (!state.scores().are_bounds()) return state.offer_all(threads, best);
  threads = useful_threads(10.0 * static_cast<double>(state.size()), threads);
  best->offer_in_parallel(boxes_.count(), threads, [&](int64_t box, BestRows* mine) {
    const double largest = boxes_.largest(box);
    if (largest <= rho) return mine->offer_rest(state.scores().of_rest(largest));
    boxes_.store(box, state.bound.data(), state.nearest.data());
    const int32_t* rows = boxes_.rows(box);
    for (int64_t r = 0; r < boxes_.size(box); ++r) mine->offer({state.score(rows[r]), rows[r]});
  });
}

}  // namespace pyuniform
