// Canonical distances of rows of few columns, and of boxes of such rows.
#pragma once

#include "simd/kernels.h"
#include "simd/loops/constant.h"

namespace pyuniform {
namespace {

// The canonical sum of D <= kBoxColumns squares, `square(j)` for j < D: of 16 partial sums the
// others are zero. From 8 on, as they are folded; what is left out adds nothing.
template <int D, int J, int Step, typename Square>
inline double folded(const Square& square) {
  if constexpr (Step == 8) {
    return square(Constant<J>());
  } else if constexpr (J + Step < D) {
    return folded<D, J, 2 * Step>(square) + folded<D, J + Step, 2 * Step>(square);
  } else {
    return folded<D, J, 2 * Step>(square);
  }
}

template <int D>
void nearer_of(const double* const* values, int64_t n, const double* pick, int64_t number,
               double* bound, int64_t* nearest) {
  const double *value[D], *const from = pick;
  for (int j = 0; j < D; ++j) value[j] = values[j];
#pragma omp simd
  for (int64_t r = 0; r < n; ++r) {
    const double distance2 = folded<D, 0, 1>([&](auto j) {
      const double difference = value[j][r] - from[j];
      return difference * difference;
    });
    const bool is = distance2 < bound[r];
    nearest[r] = is ? number : nearest[r];
    bound[r] = is ? distance2 : bound[r];
  }
}

inline void nearer(const double* const* values, int64_t n, const double* pick, int64_t d,
                   int64_t number, double* bound, int64_t* nearest) {
  using Loop = void(const double* const*, int64_t, const double*, int64_t, double*, int64_t*);
  constexpr Loop* loops[kBoxColumns] = {nearer_of<1>, nearer_of<2>, nearer_of<3>, nearer_of<4>,
                                        nearer_of<5>, nearer_of<6>, nearer_of<7>, nearer_of<8>};
  loops[d - 1](values, n, pick, number, bound, nearest);
}

template <int D>
void box_distance2_of(const double* const* picks, int64_t n, const double* low, const double* high,
                      double* out) {
  const double* pick[D];
  for (int j = 0; j < D; ++j) pick[j] = picks[j];
#pragma omp simd
  for (int64_t c = 0; c < n; ++c)
    out[c] = folded<D, 0, 1>([&](auto j) {
      const double below = low[j] - pick[j][c], above = pick[j][c] - high[j];
      const double larger = below > above ? below : above;
      const double gap = larger > 0 ? larger : 0;
      return gap * gap;
    });
}

inline void box_distance2(const double* const* picks, int64_t n, const double* low,
                          const double* high, int64_t d, double* out) {
  using Loop = void(const double* const*, int64_t, const double*, const double*, double*);
  constexpr Loop* loops[kBoxColumns] = {
      box_distance2_of<1>, box_distance2_of<2>, box_distance2_of<3>, box_distance2_of<4>,
      box_distance2_of<5>, box_distance2_of<6>, box_distance2_of<7>, box_distance2_of<8>};
  loops[d - 1](picks, n, low, high, out);
}

}  // namespace
}  // namespace pyuniform
