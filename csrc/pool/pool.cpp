#include "pool/pool.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "codes/code.h"
#include "pool/near_pairs.h"

namespace pyuniform {
namespace {

// Members with the largest distance first, which is the order that NearPairs wants.
std::vector<int64_t> by_distance(const Pool& pool) {
  std::vector<int64_t> order(pool.size);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return pool.distance2[a] != pool.distance2[b] ? pool.distance2[a] > pool.distance2[b]
                                                  : pool.index[a] < pool.index[b];
  });
  return order;
}

// How many of these are filtered: what comes late in a large pool is compared with all picks, and
// distances of zero cannot fall.
int64_t count_filtered(const Pool& pool, const std::vector<int64_t>& order) {
  int64_t count = pool.width > kMostCodeColumns ? 0 : std::min(pool.size, NearPairs::kMost);
  while (count > 0 && pool.distance2[order[count - 1]] <= 0) --count;
  return count;
}

class GreedyPool {
 public:
  GreedyPool(const Kernels& kernels, const Pool& pool, int threads, int64_t* picked,
             PoolStats* stats)
      : kernels_(kernels),
        pool_(pool),
        before_(pool.seen[0]),
        picked_(picked),
        stats_(stats),
        order_(by_distance(pool)),
        heap_(order_),
        filtered_(count_filtered(pool, order_)),
        near_(kernels, pool, {order_.begin(), order_.begin() + filtered_}, threads),
        picked_bits_(near_.words()),
        place_(pool.size),
        number_(pool.size) {
    for (int64_t r = 0; r < pool.size; ++r) place_[order_[r]] = r;
    std::make_heap(heap_.begin(), heap_.end(), Behind{*this});
    stats_->filter_pairs += filtered_ * (filtered_ - 1) / 2;
  }

  int64_t pick(Outside outside, int64_t limit, double* picked_distance2) {
    while (count_ < limit && !heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Behind{*this});
      const int64_t leader = heap_.back();
      heap_.pop_back();
      if (pool_.group && pool_.left[pool_.group[leader]] == 0) continue;
      const double old = pool_.distance2[leader];
      bring_up_to_date(leader);
      if (pool_.distance2[leader] < old && !heap_.empty() && behind(leader, heap_.front())) {
        heap_.push_back(leader);
        std::push_heap(heap_.begin(), heap_.end(), Behind{*this});
        continue;
      }
      const double best = score(leader);
      const bool before_outside =
          best > outside.score || (best == outside.score && pool_.index[leader] < outside.index);
      if (best < 0 || !before_outside) break;
      picked_distance2[count_] = pool_.distance2[leader];
      take(leader);
    }
    return count_;
  }

 private:
  // The order of the heap.
  struct Behind {
    const GreedyPool& pool;
    bool operator()(int64_t a, int64_t b) const { return pool.behind(a, b); }
  };

  // The tie rule. Old distances only shrink, so a stale one still tells who cannot lead.
  bool behind(int64_t a, int64_t b) const {
    const double of_a = score(a), of_b = score(b);
    return of_a != of_b ? of_a < of_b : pool_.index[a] > pool_.index[b];
  }

  double score(int64_t m) const {
    if (pool_.distance2[m] <= pool_.floor2) return -1.0;
    return pool_.factor ? pool_.factor[m] * pool_.distance2[m] : pool_.distance2[m];
  }

  // Compares a member with the picks that it has not met; a distance of zero cannot fall.
  void bring_up_to_date(int64_t member) {
    if (pool_.distance2[member] > 0) {
      const bool filtered = place_[member] < filtered_;
      for (int64_t j = pool_.seen[member] - before_; j < count_; ++j)
        if (!filtered || place_[picked_[j]] >= filtered_) compare(member, picked_[j]);
      for (int64_t w = 0; filtered && w < near_.words(); ++w) {
        uint32_t& bits = near_.row(place_[member])[w];
        for (uint32_t left = bits & picked_bits_[w]; left; left &= left - 1)
          compare(member, order_[w * kPanel + __builtin_ctz(left)]);
        bits &= ~picked_bits_[w];
      }
    }
    pool_.seen[member] = before_ + static_cast<int32_t>(count_);
  }

  void compare(int64_t member, int64_t pick) {
    const double distance2 = kernels_.distance2(pool_.values + member * pool_.width,
                                                pool_.values + pick * pool_.width, pool_.width);
    ++stats_->exact_pairs;
    double& known = pool_.distance2[member];
    int32_t& nearest = pool_.nearest[member];
    if (distance2 > known || (distance2 == known && number_[pick] >= nearest)) return;
    known = distance2;
    nearest = number_[pick];
  }

  void take(int64_t leader) {
    if (pool_.group) --pool_.left[pool_.group[leader]];
    pool_.seen[leader] = -1;
    picked_[count_] = leader;
    number_[leader] = before_ + static_cast<int32_t>(count_);
    const int64_t place = place_[leader];
    if (place < filtered_) picked_bits_[place / kPanel] |= 1u << place % kPanel;
    ++count_;
  }

  const Kernels& kernels_;
  const Pool pool_;
  const int32_t before_;  // picks before these
  int64_t* const picked_;
  int64_t count_ = 0;
  PoolStats* const stats_;
  const std::vector<int64_t> order_;
  std::vector<int64_t> heap_;
  const int64_t filtered_;  // members, the first of `order_`
  NearPairs near_;
  std::vector<uint32_t> picked_bits_;  // as those of a row of `near_`
  std::vector<int64_t> place_;         // in `order_`
  std::vector<int32_t> number_;        // of a picked member
};

}  // namespace

int64_t greedy_pool(const Kernels& kernels, Pool pool, Outside outside, int64_t limit, int threads,
                    int64_t* picked, double* picked_distance2, PoolStats* stats) {
  if (pool.size == 0) return 0;
  return GreedyPool(kernels, pool, threads, picked, stats).pick(outside, limit, picked_distance2);
}

}  // namespace pyuniform
