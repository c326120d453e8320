#include "shard/shard.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/thread_pool.h"
#include "picks/exact_distance.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"
#include "shard/float_filter.h"

namespace pyuniform {

Shard::Shard(std::unique_ptr<ShardContext> context, std::unique_ptr<Filter> filter,
             std::unique_ptr<WitnessSearch> witness)
    : context_(std::move(context)),
      filter_(std::move(filter)),
      witness_(std::move(witness)),
      state_(context_->matrix.n, context_->threads) {
  if (witness_) witness_->set_filter(*filter_);
}

void Shard::start_from(const int32_t* nearest, const int32_t* seen, const int32_t* scanned) {
  std::copy_n(nearest, size(), state_.nearest.begin());
  std::copy_n(seen, size(), state_.seen.begin());
  if (witness_) std::copy_n(scanned, size(), witness_->scanned.begin());
  started_ = true;
}

// What it takes to encode a row or a pick, about.
double Shard::madds_a_row() const {
  return static_cast<double>(4 * columns() + (witness_ ? witness_->madds_a_row() : 0));
}

void Shard::take_in(int64_t count) {
  const int64_t begin = taken_in_, end = std::min(size(), begin + count);
  taken_in_ = end;
  if (!witness_ && !started_ && !filter_->wants_first_distance(picks())) return;
  take_in_rows(begin, end);
  for (int64_t i = begin; i < end; ++i) {
    if (state_.nearest[i] > 0) continue;  // told by start_from, and with it what the row has met
    state_.nearest[i] = 0;
    state_.seen[i] = std::max(state_.seen[i], 1);
    if (witness_) witness_->scanned[i] = std::max(witness_->scanned[i], 1);
  }
  if (witness_) {
    stats_.int8_madds += (end - begin) * witness_->madds_a_row();
  }
  stats_.exact_pairs += end - begin;
  stats_.float64_madds += (end - begin) * padded(columns());
  filter_->rows_taken_in(begin, end);
}

// Computes distances to the first pick, and encodes rows; a tile at a time, so that a row is still
// in the cache when it is read again.
void Shard::take_in_rows(int64_t begin, int64_t end) {
  const ShardContext& context = *context_;
  const int64_t step = context.kernels.tile_rows;
  const int threads =
      useful_threads(static_cast<double>(end - begin) * madds_a_row(), context.threads);
  in_parallel(begin, end, even_step(end - begin, step, threads), threads, [&](Share& share) {
    ExactDistance decider(context.matrix, context.kernels, context.picks);
    const std::unique_ptr<RowEncoder> encoders[] = {filter_->row_encoder(),
                                                    witness_ ? witness_->row_encoder() : nullptr};
    auto take_in_tile = [&](int64_t at, int n) {
      for (int64_t i = at; i < at + n; ++i)
        if (state_.bound[i] >= 0)
          state_.bound[i] = decider.distance2(i, std::max(state_.nearest[i], 0));
      for (const auto& encoder : encoders)
        if (encoder) encoder->encode(at, n);
    };
    for (const auto [from, to] : share)
      for (int64_t at = from; at < to; at += step)
        take_in_tile(at, static_cast<int>(std::min(step, to - at)));
  });
}

void Shard::add_picks(const int64_t* rows, const double* values, int64_t count) {
  constexpr int64_t kGroup = 256;
  const Kernels& kernels = context_->kernels;
  const Frame& frame = context_->frame;
  const int64_t width = padded(columns()), d = columns();
  RowBlock packed(std::min(kGroup, count), d, kernels.tile_rows);
  std::vector<double> norm2(kGroup);
  for (int64_t begin = 0; begin < count; begin += kGroup) {
    const int64_t size = std::min(kGroup, count - begin);
    const double* const canonical = values + begin * width;
    const int threads = useful_threads(4.0 * static_cast<double>(size * d), context_->threads);
    in_parallel(0, size, even_step(size, 1, threads), threads, [&](Share& share) {
      for (const auto [from, to] : share)
        for (int64_t c = from; c < to; ++c)
          // Canonical values are divided by their norm already: the scale is that of a unit row.
          norm2[c] = kernels.pack(canonical + c * width, DType::f64, frame.scale(1),
                                  frame.center.data(), d, packed.row(c), nullptr);
    });
    for (int64_t c = 0; c < size; ++c) {
      if (rows[begin + c] >= 0) state_.bound[rows[begin + c]] = -1;
      context_->picks.append(rows[begin + c], canonical + c * width);
    }
    const NewPicks picks = {size, packed.row(0), packed.stride, norm2.data(), canonical};
    filter_->add_picks(picks);
    if (witness_) witness_->add_picks(picks, &stats_);
  }
}

bool Shard::relax(double rho, double aim, int64_t chunk, double budget) {
  if (taken_in_ < size() && !context_->rows_on_disk()) {
    const int64_t rows = static_cast<int64_t>(std::max(1024.0, budget / madds_a_row()));
    take_in(std::min(rows, filter_->most_taken_in()));
    return false;
  }
  if (!filter_->relax({rho, aim, chunk, budget, state_, witness_.get(), stats_})) return false;
  state_.relaxed_picks = picks();
  return true;
}

int64_t Shard::candidates(double rho, int64_t limit, int64_t* rows, Outside* outside) {
  BestRows best(rho, limit);
  if (const Survivors* survivors = state_.survivors(rho)) {
    for (int32_t i : survivors->above) best.offer({state_.score(i), i});
    best.offer_rest(state_.scores().of_rest(survivors->below));
  } else {
    filter_->offer(rho, state_, context_->threads, &best);
  }
  int64_t count = 0;
  for (const ScoredRow& entry : best.best()) rows[count++] = entry.row;
  settle(rows, count);
  *outside = {best.rest().score, best.rest().row};
  return count;
}

void Shard::read(const int64_t* rows, int64_t count, double* values, double* distance2,
                 int32_t* nearest) const {
  const int64_t width = padded(columns());
  const int threads = context_->threads_for_rows(count);
  in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
    RowReader reader(context_->matrix, context_->kernels);
    for (const auto [from, to] : share) {
      for (int64_t m = from; m < to; ++m) {
        if (values) reader.canonical(rows[m], values + m * width);
        distance2[m] = state_.bound[rows[m]];
        nearest[m] = state_.nearest[rows[m]];
      }
    }
  });
}

void Shard::write(const int64_t* rows, int64_t count, const double* distance2,
                  const int32_t* nearest, const int32_t* seen) {
  for (int64_t m = 0; m < count; ++m) {
    if (seen[m] < 0) continue;  // picked: add_picks takes it out of the race
    state_.bound[rows[m]] = distance2[m];
    state_.nearest[rows[m]] = nearest[m];
    state_.seen[rows[m]] = seen[m];
    if (witness_) witness_->scanned[rows[m]] = seen[m];
  }
}

void Shard::drop_codes() {
  if (witness_ && witness_->leaves_unproven())
    throw std::logic_error("rows on disk need their codes");
  filter_ = std::make_unique<FloatFilter>(*context_);
  if (witness_) witness_->set_filter(*filter_);
}

void Shard::drop_sketches() {
  witness_.reset();
  filter_->search_dropped();
}

int64_t Shard::first_unsound(const bool* picked, int64_t begin, int64_t end) const {
  std::atomic<int64_t> first{size()};
  const int threads = context_->threads_for_rows(end - begin);
  in_parallel(begin, end, even_step(end - begin, 1, threads), threads, [&](Share& share) {
    ExactDistance decider(context_->matrix, context_->kernels, context_->picks);
    for (const auto [from, to] : share) {
      int64_t i = from;
      while (i < to && i < first && is_sound(i, picked[i], decider)) ++i;
      int64_t known = first;
      while (i < to && i < known && !first.compare_exchange_weak(known, i)) {
      }
    }
  });
  return first < size() ? first.load() : -1;
}

bool Shard::is_sound(int64_t i, bool picked, ExactDistance& decider) const {
  const int32_t t = static_cast<int32_t>(picks()), seen = state_.seen[i];
  if (seen < 0 || seen > t) return false;
  if (witness_ && (witness_->scanned[i] < 0 || witness_->scanned[i] > t)) return false;
  const double bound = state_.bound[i];
  if (picked) return bound == -1;
  if (!(bound >= 0) || std::isinf(bound)) return false;
  int32_t nearest = state_.nearest[i];
  const bool proven = nearest >= 0 || !witness_ || !witness_->leaves_unproven();
  if (!proven) nearest = unproven(nearest);
  if (nearest < 0 || nearest >= t) return false;
  const double distance2 = decider.distance2(i, nearest);
  return proven && filter_->is_exact(i) ? bound == distance2 : bound >= distance2;
}

}  // namespace pyuniform
