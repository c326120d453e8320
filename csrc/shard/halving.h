// Halving: points are split at about the median of the coordinate in which they spread most, and
// again, until parts are small enough to be boxes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/thread_pool.h"

namespace pyuniform {

template <int D>
struct Point {
  double value[D];
  int32_t row;
  bool first;  // of a box
};

// Of every `step`-th of n points: the coordinate in which they spread most, and its least value.
struct Widest {
  int j = 0;
  double low = 0, spread = 0;
};

template <int D>
Widest widest(const Point<D>* points, int64_t n, int64_t step) {
  Widest best;
  for (int j = 0; j < D; ++j) {
    double low = points->value[j], high = low;
    for (int64_t m = step; m < n; m += step) {
      low = std::min(low, points[m].value[j]);
      high = std::max(high, points[m].value[j]);
    }
    if (high - low > best.spread) best = {j, low, high - low};
  }
  return best;
}

// Reorders n points, at least two, so that those before the place that it returns lie apart from
// those after it: about half of them, by a sample. Neither part is empty.
template <int D>
int64_t split(Point<D>* points, int64_t n) {
  constexpr int64_t kSample = 64;
  const int64_t step = std::max<int64_t>(1, n / kSample);
  Widest by = widest<D>(points, n, step);
  if (by.spread == 0) by = widest<D>(points, n, 1);
  if (by.spread == 0) return n / 2;
  double sample[2 * kSample];
  int64_t count = 0;
  for (int64_t m = 0; m < n; m += step) sample[count++] = points[m].value[by.j];
  std::nth_element(sample, sample + count / 2, sample + count);
  const double pivot = sample[count / 2];
  // Without a branch, which every other point would mispredict.
  auto divide = [&](auto before) {
    int64_t place = 0;
    for (int64_t m = 0; m < n; ++m) {
      const Point<D> point = points[m];
      points[m] = points[place];
      points[place] = point;
      place += before(point.value[by.j]);
    }
    return place;
  };
  return pivot > by.low ? divide([=](double v) { return v < pivot; })
                        : divide([=](double v) { return v <= pivot; });
}

// Orders points into boxes of at most `size`.
template <int D>
void halve(Point<D>* points, int64_t n, int64_t size) {
  if (n <= size) {
    points->first = true;
    return;
  }
  const int64_t middle = split<D>(points, n);
  halve<D>(points, middle, size);
  halve<D>(points + middle, n - middle, size);
}

// The same on several threads: parts are halved side by side until there are enough of them.
template <int D>
void halve_in_parallel(Point<D>* points, int64_t n, int64_t size, int threads) {
  constexpr int64_t kSmallest = 1 << 14;
  std::vector<Range> parts = {{0, n}};
  int64_t largest = n;
  while (threads > 1 && static_cast<int>(parts.size()) < 4 * threads && largest > kSmallest) {
    const int64_t count = static_cast<int64_t>(parts.size());
    std::vector<Range> halves(2 * count);
    in_parallel(0, count, 1, threads, [&](Share& share) {
      for (const auto [p, end] : share) {
        const Range part = parts[p];
        const int64_t middle = part.begin + split<D>(points + part.begin, part.end - part.begin);
        halves[2 * p] = {part.begin, middle};
        halves[2 * p + 1] = {middle, part.end};
      }
    });
    parts.swap(halves);
    largest = 0;
    for (const Range& part : parts) largest = std::max(largest, part.end - part.begin);
  }
  in_parallel(0, static_cast<int64_t>(parts.size()), 1, threads, [&](Share& share) {
    for (const auto [p, end] : share)
      halve<D>(points + parts[p].begin, parts[p].end - parts[p].begin, size);
  });
}

}  // namespace pyuniform
