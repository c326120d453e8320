// Loops over the points of a cloud of few coordinates, and over its boxes.
#pragma once

#include "simd/kernels.h"
#include "simd/loops/boxes.h"

namespace pyuniform {
namespace {

template <int D>
double lower_of(const double* values, int64_t stride, int64_t n, const double* pick,
                double* bound) {
  double from[D], largest = -1;
  for (int j = 0; j < D; ++j) from[j] = pick[j];
#pragma omp simd reduction(max : largest)
  for (int64_t r = 0; r < n; ++r) {
    const double distance2 = folded<D, 0, 1>([&](auto j) {
      const double difference = values[j * stride + r] - from[j];
      return difference * difference;
    });
    const double least = distance2 < bound[r] ? distance2 : bound[r];
    bound[r] = least;
    largest = least > largest ? least : largest;
  }
  return largest;
}

inline double lower(const double* values, int64_t stride, int64_t n, const double* pick, int64_t d,
                    double* bound) {
  using Loop = double(const double*, int64_t, int64_t, const double*, double*);
  constexpr Loop* loops[kBoxColumns] = {lower_of<1>, lower_of<2>, lower_of<3>, lower_of<4>,
                                        lower_of<5>, lower_of<6>, lower_of<7>, lower_of<8>};
  return loops[d - 1](values, stride, n / kCloudStep * kCloudStep, pick, bound);
}

template <int D>
void near_boxes_of(const double* low, const double* high, int64_t stride, int64_t n,
                   const double* pick, const double* largest, double* near) {
  double from[D];
  for (int j = 0; j < D; ++j) from[j] = pick[j];
#pragma omp simd
  for (int64_t b = 0; b < n; ++b) {
    const double gap2 = folded<D, 0, 1>([&](auto j) {
      const double below = low[j * stride + b] - from[j], above = from[j] - high[j * stride + b];
      // In this order GCC makes a loop without branches, which it can vectorise.
      const double positive = below > 0 ? below : 0;
      const double gap = above > positive ? above : positive;
      return gap * gap;
    });
    near[b] = gap2 < largest[b] ? 1.0 : 0.0;
  }
}

inline void near_boxes(const double* low, const double* high, int64_t stride, int64_t n,
                       const double* pick, int64_t d, const double* largest, double* near) {
  using Loop =
      void(const double*, const double*, int64_t, int64_t, const double*, const double*, double*);
  constexpr Loop* loops[kBoxColumns] = {near_boxes_of<1>, near_boxes_of<2>, near_boxes_of<3>,
                                        near_boxes_of<4>, near_boxes_of<5>, near_boxes_of<6>,
                                        near_boxes_of<7>, near_boxes_of<8>};
  loops[d - 1](low, high, stride, n / kCloudStep * kCloudStep, pick, largest, near);
}

}  // namespace
}  // namespace pyuniform
