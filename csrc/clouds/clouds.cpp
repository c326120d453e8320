#include "clouds/clouds.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "clouds/boxed_cloud.h"
#include "clouds/wide_cloud.h"
#include "core/thread_pool.h"

namespace pyuniform {
namespace {

// A pair of point and pick takes as long as so many multiply-adds of a filter, at least.
constexpr double kPairWork = 40;

double largest_of(const Kernels& kernels, const Cloud& cloud, int64_t i, int64_t n) {
  return kernels.largest(cloud.row(i), cloud.matrix.dtype, n * cloud.matrix.d);
}

// Takes note of the cloud's values, up to the first that is not finite.
void scan(const Kernels& kernels, const Cloud& cloud, int64_t c, CloudScan* found) {
  if (cloud.size == 0) return;
  if (cloud.is_dense()) {
    const double largest = largest_of(kernels, cloud, 0, cloud.size);
    if (std::isfinite(largest)) {
      found->max_abs = std::max(found->max_abs, largest);
      return;
    }
  }
  for (int64_t i = 0; i < cloud.size; ++i) {
    const double largest = largest_of(kernels, cloud, i, 1);
    if (!std::isfinite(largest)) {
      if (found->cloud < 0 || c < found->cloud) *found = {found->max_abs, c, i};
      return;
    }
    found->max_abs = std::max(found->max_abs, largest);
  }
}

}  // namespace

CloudScan scan_clouds(const Kernels& kernels, const Clouds& clouds, int64_t count, int threads) {
  CloudScan all = {0, -1, -1};
  std::mutex mutex;
  double values = 0;
  for (int64_t c = 0; c < count; ++c) values += static_cast<double>(clouds.size[c]);
  threads = useful_threads(values * static_cast<double>(clouds.matrix.d), threads);
  in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
    CloudScan mine = {0, -1, -1};
    for (const auto [from, to] : share)
      for (int64_t c = from; c < to; ++c) scan(kernels, clouds[c], c, &mine);
    std::lock_guard<std::mutex> lock(mutex);
    all.max_abs = std::max(all.max_abs, mine.max_abs);
    if (mine.cloud >= 0 && (all.cloud < 0 || mine.cloud < all.cloud))
      all = {all.max_abs, mine.cloud, mine.point};
  });
  return all;
}

CloudStats pick_clouds(const Kernels& kernels, const Clouds& clouds, int64_t begin, int64_t end,
                       const WantedPicks& wanted, int threads) {
  double pairs = 0;
  for (int64_t c = begin; c < end; ++c)
    pairs += static_cast<double>(clouds.size[c]) * static_cast<double>(wanted.count[c]);
  threads = useful_threads(pairs * kPairWork, threads);
  const bool boxed = clouds.matrix.d <= kBoxColumns;
  CloudStats all;
  std::mutex mutex;
  in_parallel(begin, end, 1, threads, [&](Share& share) {
    BoxedCloud few(kernels);
    WideCloud many(kernels);
    CloudStats mine;
    for (const auto [c, after] : share) {
      if (wanted.count[c] == 0) continue;
      const CloudPicks picks = {wanted.start[c], wanted.count[c], wanted.indices + wanted.out[c],
                                wanted.radii2 + wanted.out[c]};
      if (boxed)
        few.traverse(clouds[c], picks, &mine);
      else
        many.traverse(clouds[c], picks, &mine);
    }
    std::lock_guard<std::mutex> lock(mutex);
    all.pairs += mine.pairs;
    all.box_pairs += mine.box_pairs;
  });
  return all;
}

}  // namespace pyuniform
