#include "codes/code_panels.h"

#include <cstring>
#include <limits>

namespace pyuniform {

void CodePanels::append(const int8_t* code, int64_t d, float scale, float half) {
  const int place = static_cast<int>(size_ % kPanel);
  if (place == 0) add_panel();
  CodePanel& panel = panels_.back();
  int8_t* out = panel.values + 4 * place;
  uint16_t* offset = panel.segment_offset + 2 * place;
  int32_t total = 0;
  for (int64_t j = 0; j < d; offset += 2 * kPanel) {
    int32_t sum[2] = {};
    for (const int64_t end = std::min(d, j + segment_); j < end; j += 4, out += 4 * kPanel) {
      int8_t group[4] = {};
      if (d - j >= 4)
        std::memcpy(group, code + j, 4);  // of a size the compiler knows
      else
        std::copy(code + j, code + d, group);
      std::memcpy(out, group, 4);
      sum[0] += group[0] + group[1];
      sum[1] += group[2] + group[3];
    }
    for (int h : {0, 1}) offset[h] = static_cast<uint16_t>(-128 * sum[h]);
    total += sum[0] + sum[1];
  }
  panel.offset[place] = -128 * total;
  panel.scale[place] = scale;
  panel.half[place] = half;
  ++size_;
}

void CodePanels::add_panel() {
  const int64_t size = columns_ * kPanel;
  const int64_t offsets = (columns_ + segment_ - 1) / segment_ * kPanel * 2;
  values_.push_back(aligned_array<int8_t>(size));
  std::fill_n(values_.back().get(), size, 0);
  offsets_.push_back(aligned_array<uint16_t>(offsets));
  std::fill_n(offsets_.back().get(), offsets, 0);
  panels_.emplace_back();
  panels_.back().values = values_.back().get();
  panels_.back().segment_offset = offsets_.back().get();
  std::fill_n(panels_.back().half, kPanel, std::numeric_limits<float>::infinity());
}

}  // namespace pyuniform
