#include "clouds/boxed_cloud.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "shard/halving.h"

namespace pyuniform {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Values that one call of `which_above` takes.
constexpr int64_t kWord = 64;

int64_t stepped(int64_t n) { return (n + kCloudStep - 1) / kCloudStep * kCloudStep; }

// Calls visit(i) for each of n values, -1 or more, that is above `limit`.
template <typename Visit>
void each_above(const Kernels& kernels, const double* x, int64_t n, double limit, Visit visit) {
  double rest = -1;
  for (int64_t begin = 0; begin < n; begin += kWord) {
    uint64_t bits = kernels.which_above(x + begin, std::min(kWord, n - begin), limit, &rest);
    for (; bits; bits &= bits - 1) visit(begin + __builtin_ctzll(bits));
  }
}

double largest_of(const Kernels& kernels, const double* x, int64_t n) {
  double largest = -1;
  for (int64_t begin = 0; begin < n; begin += kWord)
    kernels.which_above(x + begin, std::min(kWord, n - begin), kInfinity, &largest);
  return largest;
}

}  // namespace

template <int D>
void BoxedCloud::order(int64_t n) {
  points_.resize(n * sizeof(Point<D>));
  Point<D>* const points = reinterpret_cast<Point<D>*>(points_.data());
  for (int64_t i = 0; i < n; ++i) {
    Point<D>& point = points[i];
    std::copy_n(&wide_[i * D], D, point.value);
    point.row = static_cast<int32_t>(i);
    point.first = false;
  }
  halve<D>(points, n, kRows);
  places_ = 0;
  begin_.clear();
  for (int64_t from = 0, to; from < n; from = to) {
    for (to = from + 1; to < n && !points[to].first;) ++to;
    begin_.push_back(places_);
    places_ += stepped(to - from);
  }
  begin_.push_back(places_);
  value_.resize(D * places_);
  bound_.resize(places_);
  row_.resize(places_);
  const Point<D>* point = points;
  for (int64_t box = 0; box + 1 < static_cast<int64_t>(begin_.size()); ++box) {
    const int64_t end = begin_[box + 1];
    int64_t at = begin_[box];
    do {
      for (int j = 0; j < D; ++j) value_[j * places_ + at] = point->value[j];
      bound_[at] = kInfinity;
      row_[at++] = point->row;
    } while (++point != points + n && !point->first);
    for (; at < end; ++at) {
      // Within the box, so that this changes none of its sides.
      for (int j = 0; j < D; ++j) value_[j * places_ + at] = value_[j * places_ + at - 1];
      bound_[at] = -1;
      row_[at] = -1;
    }
  }
}

void BoxedCloud::bound_boxes(int64_t n) {
  boxes_ = static_cast<int64_t>(begin_.size()) - 1;
  box_stride_ = stepped(boxes_);
  low_.assign(d_ * box_stride_, 0);
  high_.assign(d_ * box_stride_, 0);
  largest_.assign(box_stride_, -1);
  near_.resize(box_stride_);
  for (int64_t box = 0; box < boxes_; ++box) {
    for (int64_t j = 0; j < d_; ++j) {
      const double* const values = &value_[j * places_ + begin_[box]];
      double low = values[0], high = values[0];
      for (int64_t r = 1; r < size(box); ++r) {
        low = std::min(low, values[r]);
        high = std::max(high, values[r]);
      }
      low_[j * box_stride_ + box] = low;
      high_[j * box_stride_ + box] = high;
    }
    largest_[box] = kInfinity;
  }
}

void BoxedCloud::load(const Cloud& cloud) {
  using Order = void (BoxedCloud::*)(int64_t);
  constexpr Order orders[kBoxColumns] = {
      &BoxedCloud::order<1>, &BoxedCloud::order<2>, &BoxedCloud::order<3>, &BoxedCloud::order<4>,
      &BoxedCloud::order<5>, &BoxedCloud::order<6>, &BoxedCloud::order<7>, &BoxedCloud::order<8>};
  d_ = cloud.matrix.d;
  wide_.resize(cloud.size * d_);
  cloud.widen(kernels_, wide_.data());
  (this->*orders[d_ - 1])(cloud.size);
  bound_boxes(cloud.size);
}

void BoxedCloud::meet_box(int64_t box, const double* pick) {
  const int64_t from = begin_[box];
  largest_[box] = kernels_.lower(&value_[from], places_, size(box), pick, d_, &bound_[from]);
  stats_.pairs += size(box);
}

void BoxedCloud::take(int64_t at, int64_t own) {
  double pick[kBoxColumns];
  for (int64_t j = 0; j < d_; ++j) pick[j] = value_[j * places_ + at];
  bound_[at] = -1;
  // The pick's own box meets it whatever there is to lower: the pick is no longer its farthest.
  meet_box(own, pick);
  if (boxes_ == 1) return;
  kernels_.near_boxes(low_.data(), high_.data(), box_stride_, box_stride_, pick, d_,
                      largest_.data(), near_.data());
  near_[own] = 0;
  each_above(kernels_, near_.data(), boxes_, 0.5, [&](int64_t box) { meet_box(box, pick); });
  stats_.box_pairs += boxes_;
}

double BoxedCloud::find_farthest(int64_t* at, int64_t* box) const {
  const double farthest = largest_of(kernels_, largest_.data(), boxes_);
  // Nothing lies between this and the farthest.
  const double below = farthest > 0 ? std::nextafter(farthest, -1.0) : -0.5;
  int64_t lowest = INT64_MAX;
  each_above(kernels_, largest_.data(), boxes_, below, [&](int64_t b) {
    const int64_t from = begin_[b];
    each_above(kernels_, &bound_[from], size(b), below, [&](int64_t r) {
      if (row_[from + r] >= lowest) return;
      lowest = row_[from + r];
      *at = from + r;
      *box = b;
    });
  });
  return farthest;
}

int64_t BoxedCloud::place_of(int64_t row) const {
  return std::find(row_.begin(), row_.end(), row) - row_.begin();
}

void BoxedCloud::traverse(const Cloud& cloud, const CloudPicks& picks, CloudStats* stats) {
  stats_ = {};
  load(cloud);
  int64_t at = place_of(picks.start);
  int64_t box = std::upper_bound(begin_.begin(), begin_.end(), at) - begin_.begin() - 1;
  picks.indices[0] = picks.start;
  picks.radii2[0] = kInfinity;
  for (int64_t made = 1; made < picks.count; ++made) {
    take(at, box);
    picks.radii2[made] = find_farthest(&at, &box);
    picks.indices[made] = row_[at];
  }
  stats->pairs += stats_.pairs;
  stats->box_pairs += stats_.box_pairs;
}

}  // namespace pyuniform
