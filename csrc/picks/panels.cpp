#include "picks/panels.h"

#include <limits>

namespace pyuniform {

void Panels::append(const float* packed, float half_upper, float half_lower) {
  const int place = static_cast<int>(size_ % kPanel);
  if (place == 0) add_panel();
  Panel& panel = panels_.back();
  for (int64_t j = 0; j < d_; ++j) panel.values[kernels_.panel_place(d_, j, place)] = packed[j];
  panel.half_upper[place] = half_upper;
  panel.split_upper[2 * place / kPanel][place % (kPanel / 2)] = half_upper;
  panel.half_lower[place] = half_lower;
  ++size_;
}

void Panels::add_panel() {
  panels_.emplace_back();
  Panel& panel = panels_.back();
  const size_t count = d_ * kPanel;
  panel.values = aligned_array<float>(count);
  std::fill_n(panel.values.get(), count, 0.0f);
  for (float* halves :
       {panel.half_upper, panel.half_lower, panel.split_upper[0], panel.split_upper[1]})
    std::fill_n(halves, kPanel, std::numeric_limits<float>::infinity());
}

}  // namespace pyuniform
