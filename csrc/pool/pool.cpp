#include "pool/pool.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "pool/near_pairs.h"

namespace pyuniform {

int64_t greedy_pool(const Kernels& kernels, Pool pool, Outside outside, int64_t limit, int threads,
                    int64_t* picked, double* picked_distance2, PoolStats* stats) {
  if (pool.size == 0) return 0;
  const int32_t before = pool.seen[0];

  // The tie rule. Old distances only shrink, so a stale one still tells who cannot lead.
  auto score = [&](int64_t m) {
    if (pool.distance2[m] <= pool.floor2) return -1.0;
    return pool.factor ? pool.factor[m] * pool.distance2[m] : pool.distance2[m];
  };
  auto behind = [&](int64_t a, int64_t b) {
    const double of_a = score(a), of_b = score(b);
    return of_a != of_b ? of_a < of_b : pool.index[a] > pool.index[b];
  };
  std::vector<int64_t> order(pool.size), place(pool.size);
  std::iota(order.begin(), order.end(), 0);
  // By distance, which is what NearPairs wants.
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return pool.distance2[a] != pool.distance2[b] ? pool.distance2[a] > pool.distance2[b]
                                                  : pool.index[a] < pool.index[b];
  });
  for (int64_t r = 0; r < pool.size; ++r) place[order[r]] = r;
  std::vector<int64_t> heap = order;
  std::make_heap(heap.begin(), heap.end(), behind);

  // What comes late in a large pool is compared with all picks; distances of zero cannot fall.
  int64_t filtered_size = pool.width > kMostCodeColumns ? 0 : std::min(pool.size, NearPairs::kMost);
  while (filtered_size > 0 && pool.distance2[order[filtered_size - 1]] <= 0) --filtered_size;
  order.resize(filtered_size);
  NearPairs near(kernels, pool, order, threads);
  stats->filter_pairs += filtered_size * (filtered_size - 1) / 2;
  std::vector<uint32_t> news(near.words());
  std::vector<int32_t> number(pool.size);  // of a picked member

  int64_t count = 0;
  double distance2 = 0;
  auto compare = [&](int64_t leader, int64_t pick) {
    const double found = kernels.distance2(pool.values + leader * pool.width,
                                           pool.values + pick * pool.width, pool.width);
    ++stats->exact_pairs;
    const bool nearer = found < distance2;
    if (!nearer && !(found == distance2 && number[pick] < pool.nearest[leader])) return;
    distance2 = found;
    pool.nearest[leader] = number[pick];
  };

  while (count < limit && !heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), behind);
    const int64_t leader = heap.back();
    heap.pop_back();
    if (pool.group && pool.left[pool.group[leader]] == 0) continue;
    distance2 = pool.distance2[leader];
    // A distance of zero cannot fall.
    if (distance2 > 0) {
      const bool filtered = place[leader] < filtered_size;
      for (int64_t j = pool.seen[leader] - before; j < count; ++j)
        if (!filtered || place[picked[j]] >= filtered_size) compare(leader, picked[j]);
      for (int64_t w = 0; filtered && w < near.words(); ++w) {
        uint32_t& bits = near.row(place[leader])[w];
        for (uint32_t left = bits & news[w]; left; left &= left - 1)
          compare(leader, order[w * kPanel + __builtin_ctz(left)]);
        bits &= ~news[w];
      }
    }
    pool.seen[leader] = before + static_cast<int32_t>(count);
    if (distance2 < pool.distance2[leader]) {
      pool.distance2[leader] = distance2;
      if (!heap.empty() && behind(leader, heap.front())) {
        heap.push_back(leader);
        std::push_heap(heap.begin(), heap.end(), behind);
        continue;
      }
    }
    const double best = score(leader);
    const bool before_outside =
        best > outside.score || (best == outside.score && pool.index[leader] < outside.index);
    if (best < 0 || !before_outside) break;
    if (pool.group) --pool.left[pool.group[leader]];
    pool.seen[leader] = -1;
    picked[count] = leader;
    picked_distance2[count] = distance2;
    number[leader] = before + static_cast<int32_t>(count);
    if (place[leader] < filtered_size) news[place[leader] / kPanel] |= 1u << place[leader] % kPanel;
    ++count;
  }
  return count;
}

}  // namespace pyuniform
