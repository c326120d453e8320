// The candidate pool and the closest pair, against loops over all pairs.
#include "pool/pool.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "check.h"
#include "pool/closest_pair.h"

using namespace pyuniform;
using namespace pyuniform::tests;

namespace {

// Rows of which many are equal or equally far, zero-padded.
std::vector<double> tied_rows(Random& random, int64_t n, int64_t d) {
  std::vector<double> values(n * padded(d));
  const int64_t kinds = 2 + below(random, 4);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < d; ++j)
      values[i * padded(d) + j] = static_cast<double>(below(random, kinds));
  return values;
}

struct State {
  std::vector<int64_t> index, left;
  std::vector<double> values, distance2, factor;
  std::vector<int32_t> nearest, seen, group;

  Pool pool(int64_t d, double floor2, bool factors, bool groups) {
    return {values.data(),
            padded(d),
            static_cast<int64_t>(index.size()),
            index.data(),
            distance2.data(),
            nearest.data(),
            seen.data(),
            factors ? factor.data() : nullptr,
            floor2,
            groups ? group.data() : nullptr,
            groups ? left.data() : nullptr};
  }
};

// Picks by looking at every member for every pick; distances by `kernels`, which other tests check.
std::vector<int64_t> picked_naively(const Kernels& kernels, Pool pool, Outside outside,
                                    int64_t limit) {
  std::vector<int64_t> picked;
  std::vector<bool> gone(pool.size);
  auto score = [&](int64_t m) {
    if (gone[m] || pool.distance2[m] <= pool.floor2) return -1.0;
    if (pool.group && pool.left[pool.group[m]] == 0) return -1.0;
    return (pool.factor ? pool.factor[m] : 1) * pool.distance2[m];
  };
  while (static_cast<int64_t>(picked.size()) < limit) {
    int64_t best = -1;
    for (int64_t m = 0; m < pool.size; ++m) {
      if (score(m) < 0) continue;
      if (best < 0 || score(m) > score(best) ||
          (score(m) == score(best) && pool.index[m] < pool.index[best]))
        best = m;
    }
    if (best < 0 || score(best) < outside.score ||
        (score(best) == outside.score && outside.index < pool.index[best]))
      break;
    picked.push_back(best);
    gone[best] = true;
    if (pool.group) --pool.left[pool.group[best]];
    for (int64_t m = 0; m < pool.size; ++m)
      pool.distance2[m] = std::min(pool.distance2[m],
                                   kernels.distance2(pool.values + m * pool.width,
                                                     pool.values + best * pool.width, pool.width));
  }
  return picked;
}

void check_pool(const Kernels& kernels) {
  Random random(1);
  for (int repeat = 0; repeat < 200; ++repeat) {
    const int64_t n = 1 + below(random, 150), d = 1 + below(random, 40);
    State state;
    state.values = tied_rows(random, n, d);
    const std::vector<double> earlier = tied_rows(random, 1, d);
    for (int64_t m = 0; m < n; ++m) {
      state.index.push_back(3 * m + below(random, 3));
      state.distance2.push_back(
          kernels.distance2(&state.values[m * padded(d)], earlier.data(), padded(d)));
      state.factor.push_back(std::ldexp(1.0, static_cast<int>(below(random, 3))));
      state.group.push_back(static_cast<int32_t>(below(random, 3)));
    }
    std::shuffle(state.index.begin(), state.index.end(), random);
    state.nearest.assign(n, 0);
    state.seen.assign(n, 1);
    for (int g = 0; g < 3; ++g) state.left.push_back(below(random, n + 1));
    const double floor2 = static_cast<double>(below(random, 4)) - 1;
    const bool factors = below(random, 2), groups = below(random, 2);
    const Outside outside = {static_cast<double>(below(random, 6)) - 1, 3 * n};
    const int64_t limit = below(random, n + 2);
    State naive = state;
    const std::vector<int64_t> expected =
        picked_naively(kernels, naive.pool(d, floor2, factors, groups), outside, limit);
    std::vector<int64_t> picked(n);
    std::vector<double> picked2(n);
    PoolStats stats;
    const int64_t count =
        greedy_pool(kernels, state.pool(d, floor2, factors, groups), outside, std::min(limit, n),
                    1 + static_cast<int>(below(random, 2)), picked.data(), picked2.data(), &stats);
    picked.resize(count);
    CHECK(picked == expected);
    for (int64_t p = 0; p < count; ++p) CHECK(state.seen[picked[p]] == -1);
    for (int64_t m = 0; m < n; ++m)
      CHECK(state.distance2[m] >= naive.distance2[m] || state.seen[m] == -1);
  }
}

void check_closest_pair(const Kernels& kernels) {
  Random random(2);
  for (int repeat = 0; repeat < 60; ++repeat) {
    const int64_t n = 2 + below(random, 120), d = 1 + below(random, 30);
    std::vector<float> values(n * d);
    const bool tied = below(random, 2);
    for (float& v : values)
      v = tied ? static_cast<float>(below(random, 40)) : static_cast<float>(normal(random));
    const Matrix matrix = {n,     d,       DType::f32,
                           false, nullptr, reinterpret_cast<const char*>(values.data()),
                           4 * d, 0,       n};
    ClosestPair expected = {std::numeric_limits<double>::infinity(), -1, -1};
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = i + 1; j < n; ++j) {
        const double distance2 = kernels.distance2_f32(&values[i * d], &values[j * d], d);
        if (distance2 < expected.distance2) expected = {distance2, i, j};
      }
    const std::vector<double> center(d);
    const Frame frame(center.data(), d, frame_exponent(64), false);
    ClosestPair best = {std::numeric_limits<double>::infinity(), -1, -1};
    // Pairs in four parts.
    const int64_t middle = n / 2;
    for (int64_t columns : {middle, int64_t{0}})
      for (int64_t rows : {int64_t{0}, middle})
        closest_pair(kernels, matrix, frame, rows, rows ? n : middle, columns, columns ? n : middle,
                     2, &best);
    CHECK(best.distance2 == expected.distance2);
    CHECK(best.first == expected.first && best.second == expected.second);
  }
}

}  // namespace

TEST(greedy_pool) { for_each_kernels(check_pool); }
TEST(closest_pair) { for_each_kernels(check_closest_pair); }
