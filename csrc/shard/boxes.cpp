#include "shard/boxes.h"

#include <algorithm>

#include "core/thread_pool.h"
#include "rows/row_reader.h"
#include "shard/halving.h"

namespace pyuniform {
template <int D>
void Boxes::order(const Matrix& matrix, const Kernels& kernels, int64_t begin, int64_t end,
                  int threads) {
  const int64_t n = end - begin;
  UninitializedVector<Point<D>> points(n);
  const int64_t step = even_step(n, 1, threads);
  in_parallel(0, n, step, threads, [&](Share& share) {
    RowReader reader(matrix, kernels);
    std::vector<double> wide(padded(D));
    for (const auto [from, to] : share) {
      for (int64_t m = from; m < to; ++m) {
        reader.canonical(begin + m, wide.data());
        std::copy_n(wide.data(), D, points[m].value);
        points[m].row = static_cast<int32_t>(begin + m);
        points[m].first = false;
      }
    }
  });
  halve_in_parallel<D>(points.data(), n, kRows, threads);
  in_parallel(0, n, step, threads, [&](Share& share) {
    for (const auto [from, to] : share) {
      for (int64_t m = from; m < to; ++m) {
        row_[begin + m] = points[m].row;
        for (int j = 0; j < D; ++j) value_[j][begin + m] = points[m].value[j];
      }
    }
  });
  for (int64_t m = 0; m < n; ++m)
    if (points[m].first) begin_.push_back(begin + m);
}

void Boxes::add_rows(const Matrix& matrix, const Kernels& kernels, int64_t begin, int64_t end,
                     int threads) {
  using Order = void (Boxes::*)(const Matrix&, const Kernels&, int64_t, int64_t, int);
  constexpr Order orders[kBoxColumns] = {&Boxes::order<1>, &Boxes::order<2>, &Boxes::order<3>,
                                         &Boxes::order<4>, &Boxes::order<5>, &Boxes::order<6>,
                                         &Boxes::order<7>, &Boxes::order<8>};
  row_.resize(end);
  for (auto& values : value_) values.resize(end);
  threads = useful_threads(100.0 * static_cast<double>(end - begin), threads);
  const int64_t first = count();
  (this->*orders[d_ - 1])(matrix, kernels, begin, end, threads);
  low_.resize(count() * kBoxColumns);
  high_.resize(count() * kBoxColumns);
  fill(&bound_, begin, end, std::numeric_limits<double>::infinity(), threads);
  fill(&nearest_, begin, end, int64_t{-1}, threads);
  largest_.resize(count(), std::numeric_limits<double>::infinity());
  met_.resize(count(), 0);
  changed_.resize(count(), 0);
  outer_.resize((count() + kInner - 1) / kInner);
  in_parallel(first, count(), even_step(count() - first, 1, threads), threads, [&](Share& share) {
    for (const auto [from, to] : share) {
      for (int64_t box = from; box < to; ++box) {
        for (int64_t j = 0; j < d_; ++j) {
          const auto [low, high] =
              std::minmax_element(&value_[j][begin_[box]], &value_[j][begin_[box]] + size(box));
          low_[box * kBoxColumns + j] = *low;
          high_[box * kBoxColumns + j] = *high;
        }
      }
    }
  });
  for (int64_t box = first; box < count(); ++box) {
    Outer& outer = outer_[box / kInner];
    for (int64_t j = 0; j < d_; ++j) {
      const double low = low_[box * kBoxColumns + j], high = high_[box * kBoxColumns + j];
      const bool alone = box % kInner == 0;
      outer.low[j] = alone ? low : std::min(outer.low[j], low);
      outer.high[j] = alone ? high : std::max(outer.high[j], high);
    }
  }
}

int64_t Boxes::meet(const Kernels& kernels, int64_t outer, double rho, int64_t* rows) {
  const int64_t first = outer * kInner, last = std::min(count(), first + kInner);
  const double largest = *std::max_element(&largest_[first], &largest_[0] + last);
  *rows = 0;
  if (largest <= rho) return 0;
  Outer& own = outer_[outer];
  const int64_t t = static_cast<int64_t>(pick_[0].size());
  double gap2[kPicks];
  for (int64_t begin = own.met; begin < t; begin += kPicks) {
    const int64_t picks = std::min(kPicks, t - begin);
    const double* pick[kBoxColumns] = {};
    for (int64_t j = 0; j < d_; ++j) pick[j] = &pick_[j][begin];
    kernels.box_distance2(pick, picks, own.low, own.high, d_, gap2);
    for (int64_t c = 0; c < picks; ++c)
      // As near as the farthest row is not nearer.
      if (gap2[c] < largest) own.picks.push_back(static_cast<int32_t>(begin + c));
  }
  own.met = t;
  int64_t pairs = 0;
  for (int64_t box = first; box < last; ++box) {
    if (largest_[box] <= rho) continue;
    pairs += meet_box(kernels, box, own.picks);
    *rows += size(box);
  }
  return pairs;
}

int64_t Boxes::meet_box(const Kernels& kernels, int64_t box, const std::vector<int32_t>& picks) {
  const int64_t n = size(box), first = begin_[box], t = static_cast<int64_t>(picks.size());
  double* const mine = &bound_[first];
  const double* value[kBoxColumns] = {};
  for (int64_t j = 0; j < d_; ++j) value[j] = &value_[j][first];
  double gathered[kBoxColumns][kPicks], gap2[kPicks];
  const double* pick[kBoxColumns];
  for (int64_t j = 0; j < kBoxColumns; ++j) pick[j] = gathered[j];
  int64_t pairs = 0;
  for (int64_t begin = met_[box]; begin < t; begin += kPicks) {
    const int64_t count = std::min(kPicks, t - begin), pairs_before = pairs;
    for (int64_t j = 0; j < d_; ++j)
      for (int64_t c = 0; c < count; ++c) gathered[j][c] = pick_[j][picks[begin + c]];
    kernels.box_distance2(pick, count, &low_[box * kBoxColumns], &high_[box * kBoxColumns], d_,
                          gap2);
    for (int64_t c = 0; c < count; ++c) {
      if (gap2[c] >= largest_[box]) continue;
      double values[kBoxColumns];
      for (int64_t j = 0; j < d_; ++j) values[j] = gathered[j][c];
      kernels.nearer(value, n, values, d_, picks[begin + c], mine, &nearest_[first]);
      pairs += n;
    }
    if (pairs > pairs_before) largest_[box] = *std::max_element(mine, mine + n);
  }
  met_[box] = t;
  if (pairs > 0) changed_[box] = 1;
  return pairs;
}

void Boxes::store(int64_t box, double* bound, int32_t* nearest) {
  if (!changed_[box]) return;
  changed_[box] = 0;
  for (int64_t m = begin_[box]; m < begin_[box] + size(box); ++m) {
    const int32_t i = row_[m];
    // Of a row that was among candidates more may be known: of picks that its box has not met.
    if (bound_[m] > bound[i] || (bound_[m] == bound[i] && nearest_[m] > nearest[i])) continue;
    bound[i] = bound_[m];
    nearest[i] = static_cast<int32_t>(nearest_[m]);
  }
}

}  // namespace pyuniform
