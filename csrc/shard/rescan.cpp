#include "shard/rescan.h"

#include <algorithm>

namespace pyuniform {

Rescan::Rescan(const ShardContext& context, const Panels& panels, RowState& state, int64_t group)
    : context_(context),
      panels_(panels),
      state_(state),
      reader_(context.matrix, context.kernels),
      decider_(context.matrix, context.kernels, context.picks),
      packed_(group, context.matrix.d, context.kernels.tile_rows),
      lower_(group),
      limit_(group + context.kernels.tile_rows),
      value_(context.kernels.tile_rows * kPanel),
      below_(context.kernels.tile_rows) {}

void Rescan::run(const int64_t* rows, int64_t count) {
  const int64_t tile_rows = context_.kernels.tile_rows;
  rows_ = rows;
  for (int64_t r = 0; r < count; ++r) {
    lower_[r] = context_.frame.row_lower(reader_.pack(rows[r], context_.frame, packed_.row(r)));
    set_limit(r);
  }
  for (int64_t p = 0; p < panels_.count(); ++p) {
    for (int64_t at = 0; at < count; at += tile_rows)
      scan(at, static_cast<int>(std::min(tile_rows, count - at)), p);
    stats_.filter_pairs += count * panels_.filled(p);
  }
}

// Above the bound, so that a pick at the same distance is below the limit: ties matter.
void Rescan::set_limit(int64_t r) {
  const double bound = context_.frame.in_units(state_.bound[rows_[r]]);
  limit_[r] = above(round_up((bound - lower_[r]) / 2));
}

// Lets n rows from place `at` on look at panel p.
void Rescan::scan(int64_t at, int n, int64_t p) {
  const Panel& panel = panels_[p];
  context_.kernels.tile(packed_.row(at), packed_.stride, n, panel.values.get(), panel.half_lower,
                        context_.matrix.d, &limit_[at], value_.data(), below_.data(), nullptr);
  for (int r = 0; r < n; ++r)
    for (uint32_t bits = below_[r]; bits; bits &= bits - 1)
      decide(at + r, static_cast<int32_t>(p * kPanel + __builtin_ctz(bits)));
}

void Rescan::decide(int64_t r, int32_t pick) {
  const int64_t i = rows_[r];
  double& bound = state_.bound[i];
  int32_t& nearest = state_.nearest[i];
  if (pick >= state_.seen[i] || pick == nearest) return;
  const double distance2 = decider_.distance2(i, pick);
  ++stats_.exact_pairs;
  if (distance2 > bound || (distance2 == bound && pick > nearest)) return;
  bound = distance2;
  nearest = pick;
  set_limit(r);
}

}  // namespace pyuniform
