#include "clouds/wide_cloud.h"

#include <algorithm>
#include <limits>

namespace pyuniform {

void WideCloud::load(const Cloud& cloud) {
  const int64_t n = cloud.size, d = cloud.matrix.d;
  cloud_ = &cloud;
  bound_.assign(n, std::numeric_limits<double>::infinity());
  met_.assign(n, 0);
  narrow_ = cloud.matrix.dtype == DType::f32;
  if (narrow_) return;
  width_ = padded(d);
  values_.resize(n * width_);
  for (int64_t i = 0; i < n; ++i) {
    double* const out = &values_[i * width_];
    kernels_.widen(cloud.row(i), cloud.matrix.dtype, d, out);
    std::fill(out + d, out + width_, 0.0);
  }
}

double WideCloud::distance2(int64_t i, int64_t pick) const {
  if (!narrow_) return kernels_.distance2(&values_[i * width_], &values_[pick * width_], width_);
  return kernels_.distance2_f32(reinterpret_cast<const float*>(cloud_->row(i)),
                                reinterpret_cast<const float*>(cloud_->row(pick)),
                                cloud_->matrix.d);
}

void WideCloud::relax(int64_t i, const CloudPicks& picks, int64_t made, double least) {
  double bound = bound_[i];
  int64_t met = met_[i];
  const int64_t before = met;
  for (; met < made && bound >= least; ++met)
    bound = std::min(bound, distance2(i, picks.indices[met]));
  pairs_ += met - before;
  bound_[i] = bound;
  met_[i] = met;
}

int64_t WideCloud::find_farthest(const CloudPicks& picks, int64_t made) {
  // The point of the largest bound comes first: few others may be farther.
  int64_t at = std::max_element(bound_.begin(), bound_.end()) - bound_.begin();
  relax(at, picks, made, -1);
  for (int64_t i = 0; i < cloud_->size; ++i) {
    // As far as the best so far wins if its row is lower.
    if (bound_[i] < bound_[at] || (bound_[i] == bound_[at] && i >= at)) continue;
    relax(i, picks, made, bound_[at]);
    if (bound_[i] > bound_[at] || (bound_[i] == bound_[at] && i < at)) at = i;
  }
  return at;
}

void WideCloud::traverse(const Cloud& cloud, const CloudPicks& picks, CloudStats* stats) {
  load(cloud);
  pairs_ = 0;
  picks.indices[0] = picks.start;
  picks.radii2[0] = std::numeric_limits<double>::infinity();
  bound_[picks.start] = -1;
  for (int64_t made = 1; made < picks.count; ++made) {
    const int64_t at = find_farthest(picks, made);
    picks.indices[made] = at;
    picks.radii2[made] = bound_[at];
    bound_[at] = -1;
  }
  stats->pairs += pairs_;
}

}  // namespace pyuniform
