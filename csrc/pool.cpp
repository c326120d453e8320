#include "pool.h"

#include <algorithm>
#include <vector>

namespace pyuniform {

int64_t greedy_pool(const Kernels& kernels, Pool pool, Outside outside, int64_t limit,
                    int64_t* picked, double* picked_distance2, int64_t* pairs) {
  if (pool.size == 0) return 0;
  const int32_t before = pool.seen[0];

  // The tie rule. Old distances only shrink, so a stale one still tells who cannot lead.
  auto behind = [&](int64_t a, int64_t b) {
    if (pool.distance2[a] != pool.distance2[b]) return pool.distance2[a] < pool.distance2[b];
    return pool.index[a] > pool.index[b];
  };
  std::vector<int64_t> heap(pool.size);
  for (int64_t m = 0; m < pool.size; ++m) heap[m] = m;
  std::make_heap(heap.begin(), heap.end(), behind);

  int64_t count = 0;
  while (count < limit && !heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), behind);
    const int64_t leader = heap.back();
    heap.pop_back();
    const double* x = pool.values + leader * pool.stride;
    double distance2 = pool.distance2[leader];
    int32_t seen = pool.seen[leader];

    // A member falls behind as soon as one pick proves it: the rest of its picks can wait. A
    // distance of zero cannot fall.
    bool leads = true;
    while (seen < before + count && leads && distance2 > 0) {
      const double* y = pool.values + picked[seen - before] * pool.stride;
      const double candidate = kernels.distance2(x, y, pool.stride);
      ++*pairs;
      if (candidate < distance2) {
        pool.distance2[leader] = distance2 = candidate;
        pool.nearest[leader] = seen;
        leads = heap.empty() || !behind(leader, heap.front());
      }
      ++seen;
    }
    pool.seen[leader] = seen;
    if (!leads) {
      heap.push_back(leader);
      std::push_heap(heap.begin(), heap.end(), behind);
      continue;
    }
    const bool before_outside = distance2 > outside.bound2 ||
                                (distance2 == outside.bound2 && pool.index[leader] < outside.index);
    if (!before_outside) break;
    pool.seen[leader] = -1;
    picked[count] = leader;
    picked_distance2[count] = distance2;
    ++count;
  }
  return count;
}

}  // namespace pyuniform
