#include "shard/row_state.h"

#include <algorithm>
#include <atomic>
#include <functional>

#include "core/thread_pool.h"
#include "shard/gather.h"

namespace pyuniform {

void Survivors::take(Survivors* other) {
  above.insert(above.end(), other->above.begin(), other->above.end());
  below = std::max(below, other->below);
  *other = {};
}

RowState::RowState(int64_t n, int threads) {
  threads = useful_threads(1e3 * static_cast<double>(n), threads);
  fill(&bound, 0, n, std::numeric_limits<double>::infinity(), threads);
  fill(&nearest, 0, n, -1, threads);
  fill(&seen, 0, n, 0, threads);
}

void RowState::set_scores(const double* factor, double floor2) {
  scores_.set(factor, floor2);
  listed_above_ = std::numeric_limits<double>::infinity();
}

double RowState::threshold(int64_t count) const {
  const int64_t n = size(), step = std::max<int64_t>(1, n >> 16);
  std::vector<double> sample;
  sample.reserve(n / step + 1);
  for (int64_t i = 0; i < n; i += step) sample.push_back(score(i));
  const int64_t rank = std::min<int64_t>(count / step, static_cast<int64_t>(sample.size()) - 1);
  if (rank == 0) return *std::max_element(sample.begin(), sample.end());
  std::nth_element(sample.begin(), sample.begin() + rank, sample.end(), std::greater<double>());
  return sample[rank];
}

void RowState::list_wanted(double rho, int64_t picks, const Kernels& kernels, int threads,
                           std::vector<int32_t>* wanted) {
  const bool lists = lists_survivors(rho), by_bound = scores_.are_bounds();
  const int32_t t = static_cast<int32_t>(picks);
  // A bound of zero cannot fall, whatever picks are still unseen.
  const double least = by_bound ? std::max(scores_.parks_at(0, rho), 0.0) : 0.0;
  auto list = [&](int64_t begin, int64_t end, int32_t* some, Survivors* mine) {
    int64_t size = 0;
    for (uint64_t open = kernels.which_above(&bound[begin], end - begin, least, &mine->below); open;
         open &= open - 1) {
      const int32_t i = static_cast<int32_t>(begin + __builtin_ctzll(open));
      const bool above = by_bound || score(i) > rho, met = seen[i] >= t;
      some[size] = i;
      size += above && !met;
      if (met && lists) mine->above.push_back(i);
    }
    return size;
  };
  survivors_ = {};
  listed_above_ = std::numeric_limits<double>::infinity();
  gather(size(), threads, list, wanted, &survivors_);
}

int64_t RowState::count_parked_before(const std::vector<int32_t>& wanted, int threads) const {
  const int64_t count = static_cast<int64_t>(wanted.size());
  std::atomic<int64_t> parked{0};
  threads = useful_threads(100.0 * static_cast<double>(count), threads);
  in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
    int64_t mine = 0;
    for (const auto [from, to] : share)
      for (int64_t j = from; j < to; ++j) mine += seen[wanted[j]] < relaxed_picks;
    parked += mine;
  });
  return parked;
}

void RowState::offer_all(int threads, BestRows* best) const {
  threads = useful_threads(10.0 * static_cast<double>(size()), threads);
  best->offer_in_parallel(size(), threads,
                          [&](int64_t i, BestRows* mine) { mine->offer({score(i), i}); });
}

}  // namespace pyuniform
