// Boxes by halving: rows are split at the median of the coordinate in which they spread most.
#include "boxes.h"

#include "rows.h"
#include "shard.h"

namespace pyuniform {
namespace {

template <int D>
struct Point {
  double value[D];
  int32_t row;
};

template <int D>
int widest(const Point<D>* begin, const Point<D>* end) {
  double low[D], high[D];
  for (int j = 0; j < D; ++j) low[j] = high[j] = begin->value[j];
  for (const Point<D>* p = begin; p != end; ++p)
    for (int j = 0; j < D; ++j) {
      low[j] = std::min(low[j], p->value[j]);
      high[j] = std::max(high[j], p->value[j]);
    }
  int best = 0;
  for (int j = 1; j < D; ++j)
    if (high[j] - low[j] > high[best] - low[best]) best = j;
  return best;
}

// Orders points so that each run of kRows, from the first on, lies together.
template <int D>
void halve(Point<D>* begin, Point<D>* end) {
  const int64_t n = end - begin, boxes = (n + Boxes::kRows - 1) / Boxes::kRows;
  if (boxes <= 1) return;
  const int j = widest<D>(begin, end);
  Point<D>* middle = begin + boxes / 2 * Boxes::kRows;
  std::nth_element(begin, middle, end,
                   [j](const Point<D>& a, const Point<D>& b) { return a.value[j] < b.value[j]; });
#pragma omp task if (n > (1 << 14))
  halve<D>(begin, middle);
  halve<D>(middle, end);
#pragma omp taskwait
}

}  // namespace

template <int D>
void Boxes::order(const Matrix& matrix, const Kernels& kernels, int64_t begin, int64_t end,
                  int threads) {
  const int64_t n = end - begin;
  std::vector<Point<D>> points(n);
#pragma omp parallel num_threads(threads)
  {
    RowReader reader(matrix, kernels);
    std::vector<double> wide(padded(D));
#pragma omp for schedule(static)
    for (int64_t m = 0; m < n; ++m) {
      reader.canonical(begin + m, wide.data());
      std::copy_n(wide.data(), D, points[m].value);
      points[m].row = static_cast<int32_t>(begin + m);
    }
#pragma omp single
    halve<D>(points.data(), points.data() + n);
#pragma omp for schedule(static)
    for (int64_t m = 0; m < n; ++m) {
      row_[begin + m] = points[m].row;
      for (int j = 0; j < D; ++j) value_[j][begin + m] = points[m].value[j];
    }
  }
}

void Boxes::add_rows(const Matrix& matrix, const Kernels& kernels, int64_t begin, int64_t end,
                     int threads) {
  using Order = void (Boxes::*)(const Matrix&, const Kernels&, int64_t, int64_t, int);
  constexpr Order orders[kBoxColumns] = {&Boxes::order<1>, &Boxes::order<2>, &Boxes::order<3>,
                                         &Boxes::order<4>, &Boxes::order<5>, &Boxes::order<6>,
                                         &Boxes::order<7>, &Boxes::order<8>};
  row_.resize(end);
  for (auto& values : value_) values.resize(end);
  const double work = 100.0 * static_cast<double>(end - begin);
  (this->*orders[d_ - 1])(matrix, kernels, begin, end, worth(work, threads));
  const int64_t first = count();
  for (int64_t at = begin; at < end; at += kRows) begin_.push_back(at);
  low_.resize(count() * kBoxColumns);
  high_.resize(count() * kBoxColumns);
  bound_.resize(end, std::numeric_limits<double>::infinity());
  nearest_.resize(end, -1);
  largest_.resize(count(), std::numeric_limits<double>::infinity());
  met_.resize(count(), 0);
  for (int64_t box = first; box < count(); ++box)
    for (int64_t j = 0; j < d_; ++j) {
      const auto [low, high] =
          std::minmax_element(&value_[j][begin_[box]], &value_[j][begin_[box]] + size(box));
      low_[box * kBoxColumns + j] = *low;
      high_[box * kBoxColumns + j] = *high;
    }
}

int64_t Boxes::meet(const Kernels& kernels, int64_t box, double* bound, int32_t* nearest) {
  const int64_t n = size(box), first = begin_[box], t = static_cast<int64_t>(pick_[0].size());
  double* const mine = &bound_[first];
  const double* value[kBoxColumns] = {};
  for (int64_t j = 0; j < d_; ++j) value[j] = &value_[j][first];
  double before[kRows], gap2[kPicks];
  std::copy_n(mine, n, before);
  int64_t pairs = 0;
  for (int64_t begin = met_[box]; begin < t; begin += kPicks) {
    const int64_t picks = std::min(kPicks, t - begin), pairs_before = pairs;
    const double* pick[kBoxColumns] = {};
    for (int64_t j = 0; j < d_; ++j) pick[j] = &pick_[j][begin];
    kernels.box_distance2(pick, picks, &low_[box * kBoxColumns], &high_[box * kBoxColumns], d_,
                          gap2);
    for (int64_t c = 0; c < picks; ++c) {
      // As near as the farthest row is not nearer.
      if (gap2[c] >= largest_[box]) continue;
      double values[kBoxColumns];
      for (int64_t j = 0; j < d_; ++j) values[j] = pick[j][c];
      kernels.nearer(value, n, values, d_, begin + c, mine, &nearest_[first]);
      pairs += n;
    }
    if (pairs > pairs_before) largest_[box] = *std::max_element(mine, mine + n);
  }
  met_[box] = t;
  for (int64_t r = 0; r < n; ++r) {
    const int32_t i = row_[first + r];
    if (mine[r] >= before[r] || bound[i] < 0) continue;
    bound[i] = mine[r];
    nearest[i] = static_cast<int32_t>(nearest_[first + r]);
  }
  return pairs;
}

bool Shard::relax_boxes(double rho, double budget) {
  const int64_t all = boxes_->count();
  const double each = static_cast<double>(Boxes::kRows * matrix_.d * picks());
  const int64_t end =
      std::min(all, boxes_done_ + static_cast<int64_t>(std::max(64.0, budget / each)));
  int64_t pairs = 0, relaxed = 0;
#pragma omp parallel for num_threads(                                                        \
        worth(each* static_cast<double>(end - boxes_done_), threads_)) schedule(dynamic, 16) \
    reduction(+ : pairs, relaxed)
  for (int64_t box = boxes_done_; box < end; ++box) {
    // Without factors scores are bounds.
    if (!factor_ && boxes_->largest(box) <= rho) continue;
    pairs += boxes_->meet(kernels_, box, bound_.data(), nearest_.data());
    relaxed += boxes_->size(box);
  }
  stats_.exact_pairs += pairs;
  stats_.float64_madds += pairs * padded(matrix_.d);
  stats_.relaxed += relaxed;
  boxes_done_ = end;
  if (end < all) return false;
  boxes_done_ = 0;
  return true;
}

}  // namespace pyuniform
