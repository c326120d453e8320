#include "shard/relaxation.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "core/thread_pool.h"
#include "shard/block_relaxation.h"
#include "shard/gather.h"
#include "shard/witness_search.h"

namespace pyuniform {
namespace {

// Rows that are sorted together, those of several full blocks: enough for tiles to be full.
int64_t window_of(const Block& block) { return 16 * block.capacity; }

// Where each block begins of the rows from `begin` to `end`, and where the last ends. Blocks differ
// much in their work: so they become smaller, to a few tiles, that threads may end together. None
// has rows of two windows, since these are sorted apart.
std::vector<int64_t> cut_into_blocks(int64_t begin, int64_t end, int threads, int64_t tile_rows,
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

// Asks memory for the rows of the block that a thread takes up next, while it works on another.
class RowPrefetcher final : public PrefetchHook {
 public:
  explicit RowPrefetcher(const BlockRelaxation& relaxation) : relaxation_(relaxation) {}

  void set(const int32_t* rows, int64_t count) { next_ = rows, end_ = rows + count; }

  void step() override {
    for (int s = 0; s < kRowsAStep && next_ < end_; ++s) relaxation_.prefetch(*next_++);
  }

 private:
  // So that tiles and memory are about equally quick.
  static constexpr int kRowsAStep = 2;

  const BlockRelaxation& relaxation_;
  const int32_t *next_ = nullptr, *end_ = nullptr;
};

}  // namespace

bool Relaxation::advance(const RelaxCall& call, Stage& filter) {
  if (!stage_) begin(call, filter);
  if (done_ < static_cast<int64_t>(rows_.size())) run_blocks(call);
  if (done_ < static_cast<int64_t>(rows_.size())) return false;
  if (stage_ != &filter) {
    stage_ = &filter;
    list_rows(call);
    start_pass(call);
    return false;
  }
  stage_ = nullptr;
  if (call.state.lists_survivors(call.rho)) call.state.survivors_listed(call.rho);
  return true;
}

void Relaxation::begin(const RelaxCall& call, Stage& filter) {
  call.state.list_wanted(call.rho, context_.picks.size(), context_.kernels, context_.threads,
                         &wanted_);
  call.stats.relaxed += static_cast<int64_t>(wanted_.size());
  call.stats.reactivated += call.state.count_parked_before(wanted_, context_.threads);
  // Without a threshold no witness is wanted.
  if (call.witness && call.rho >= 0) {
    stage_ = call.witness;
    list_rows(call);
  } else {
    stage_ = &filter;
    rows_.swap(wanted_);  // these have just been chosen, and no other pass will ask
  }
  start_pass(call);
}

// Lists the rows of a pass among those of the relax.
void Relaxation::list_rows(const RelaxCall& call) {
  const int32_t* met = stage_->met(call.state).data();
  const int32_t t = static_cast<int32_t>(context_.picks.size());
  auto list = [&](int64_t begin, int64_t end, int32_t* some, Survivors*) {
    // Without a branch for each row, which would be mispredicted for most that are taken.
    int64_t size = 0;
    for (int64_t j = begin; j < end; ++j) {
      const int32_t i = wanted_[j];
      some[size] = i;
      size += (met[i] < t) & (call.state.score(i) > call.rho);
    }
    return size;
  };
  Survivors none;
  gather(static_cast<int64_t>(wanted_.size()), context_.threads, list, &rows_, &none);
}

// Sorts the rows of the pass, so that those of a block walk the panels together: window by window,
// side by side.
void Relaxation::start_pass(const RelaxCall& call) {
  const int64_t count = static_cast<int64_t>(rows_.size());
  const int32_t* met = stage_->met(call.state).data();
  const Block& block = stage_->block(0);
  done_ = 0;
  // Without a threshold none is parked, and whole panels are quicker.
  width_ = call.rho < 0 ? kPanel : block.step;
  std::atomic<int64_t> missed{0};
  const int threads = useful_threads(100.0 * static_cast<double>(count), context_.threads);
  in_parallel(0, count, window_of(block), threads, [&](Share& share) {
    int64_t mine = 0;
    for (const auto [begin, end] : share) mine += sort_window(begin, end, met);
    missed += mine;
  });
  missed_ = static_cast<double>(missed) / static_cast<double>(std::max<int64_t>(1, count));
}

// A counting sort by the first panel a row has not finished. Returns how many pairs of a row and a
// pick are missed.
int64_t Relaxation::sort_window(int64_t begin, int64_t end, const int32_t* met) {
  const int64_t t = context_.picks.size();
  const auto first = rows_.begin() + begin;
  const std::vector<int32_t> rows(first, rows_.begin() + end);
  std::vector<int64_t> place(t / width_ + 2, 0);
  int64_t missed = 0;
  for (int32_t i : rows) {
    missed += t - met[i];
    ++place[met[i] / width_ + 1];
  }
  std::partial_sum(place.begin(), place.end(), place.begin());
  for (int32_t i : rows) first[place[met[i] / width_]++] = i;
  return missed;
}

// Works on as many of the next rows as the budget allows.
void Relaxation::run_blocks(const RelaxCall& call) {
  const int threads = context_.threads, tile_rows = context_.kernels.tile_rows;
  const int64_t left = static_cast<int64_t>(rows_.size()) - done_;
  const double row_madds = missed_ * static_cast<double>(context_.matrix.d);
  // Several small blocks at least for each thread.
  const int64_t take = std::min(left, std::max(static_cast<int64_t>(call.budget / row_madds),
                                               int64_t{8} * threads * tile_rows));
  const std::vector<int64_t> begins =
      cut_into_blocks(done_, done_ + take, threads, tile_rows, stage_->block(0));
  const int64_t count = static_cast<int64_t>(begins.size()) - 1;
  const int32_t* rows = rows_.data();
  const int useful = context_.rows_on_disk()
                         ? threads
                         : useful_threads(static_cast<double>(take) * row_madds, threads);
  const bool lists = stage_ != call.witness && call.state.lists_survivors(call.rho);
  in_parallel(0, count, 1, useful, [&](Share& share) {
    Block& block = stage_->block(share.slot());
    BlockRelaxation relaxation(call, context_, stage_->met(call.state).data(), lists, block);
    RowPrefetcher upcoming(relaxation);
    block.width = width_;
    block.hook = &upcoming;
    for (const auto [b, end] : share) {
      // The block that this thread takes next, if blocks take about as long as each other.
      const int64_t after = std::min<int64_t>(count, b + threads);
      upcoming.set(rows + begins[after], begins[std::min(count, after + 1)] - begins[after]);
      relaxation.run(rows + begins[b], begins[end] - begins[b]);
    }
    block.hook = nullptr;
  });
  collect(call);
  done_ += take;
}

// Collects what blocks have counted and listed.
void Relaxation::collect(const RelaxCall& call) {
  stage_->each_block([&](Block& block) {
    if (stage_ == call.witness) block.stats.witnessed = block.stats.parked;
    block.stats.float64_madds = block.stats.exact_pairs * padded(context_.matrix.d);
    call.stats.add(block.stats);
    block.stats = {};
    call.state.add_survivors(&block.survivors);
  });
}

}  // namespace pyuniform
