// Who leads: the largest squared distance, and of equal ones the lowest index (core.h).
#pragma once

#include "canonical.cuh"

namespace pyuniform {

// Squared distances are not negative, so they order as their bits do, and integers order faster.
using Key = unsigned long long;

// Below every distance: who has been picked, or was never in the race.
constexpr Key kOut = 0;

__device__ inline Key key_of(double distance2) {
  return static_cast<Key>(__double_as_longlong(distance2)) + 1;
}

__device__ inline double distance2_of(Key key) {
  return __longlong_as_double(static_cast<long long>(key - 1));
}

// The lane with the largest key; of those, the one with the lowest index. All lanes of the warp
// must call it; `index_of` is called for ties only. The upper halves of keys nearly always decide.
template <class Index>
__device__ inline int leading_lane(Key key, Index index_of) {
  const unsigned upper = static_cast<unsigned>(key >> 32);
  bool leads = upper == __reduce_max_sync(kWholeWarp, upper);
  unsigned leaders = __ballot_sync(kWholeWarp, leads);
  if (leaders & (leaders - 1)) {
    const unsigned lower = leads ? static_cast<unsigned>(key) : 0;
    // Every lane takes part in each operation of the warp, leading or not.
    leads &= lower == __reduce_max_sync(kWholeWarp, lower);
    leaders = __ballot_sync(kWholeWarp, leads);
  }
  if (leaders & (leaders - 1)) {
    const Key index = leads && key != kOut ? static_cast<Key>(index_of()) : ~Key{0};
    const unsigned index_upper = leads ? static_cast<unsigned>(index >> 32) : ~0u;
    leads &= index_upper == __reduce_min_sync(kWholeWarp, index_upper);
    const unsigned index_lower = leads ? static_cast<unsigned>(index) : ~0u;
    leads &= index_lower == __reduce_min_sync(kWholeWarp, index_lower);
    leaders = __ballot_sync(kWholeWarp, leads);
  }
  return __ffs(static_cast<int>(leaders)) - 1;
}

}  // namespace pyuniform
