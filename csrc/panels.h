// Picks packed for the tile kernel: 32 abreast, value j of pick c at panel[j * kPanel + c]. A
// panel's empty places have an infinite half norm, so nothing is ever below a limit there.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "core.h"
#include "frame.h"

namespace pyuniform {

// Aligned to cache lines: a vector that straddled two would cost two loads.
struct AlignedDelete {
  void operator()(float* p) const { ::operator delete[](p, std::align_val_t(64)); }
};

struct Panel {
  std::unique_ptr<float[], AlignedDelete> values;
  float half_upper[kPanel], half_lower[kPanel];
};

class Panels {
 public:
  explicit Panels(int64_t d) : d_(d) {}

  void append(const Frame& frame, const float* packed, double norm2) {
    const int place = static_cast<int>(size_ % kPanel);
    if (place == 0) add_panel();
    Panel& panel = panels_.back();
    for (int64_t j = 0; j < d_; ++j) panel.values[j * kPanel + place] = packed[j];
    panel.half_upper[place] = frame.half_upper(norm2);
    panel.half_lower[place] = frame.half_lower(norm2);
    ++size_;
  }

  int64_t size() const { return size_; }
  int64_t count() const { return static_cast<int64_t>(panels_.size()); }
  const Panel& operator[](int64_t p) const { return panels_[p]; }

  // Picks in panel p.
  int64_t filled(int64_t p) const { return std::min<int64_t>(kPanel, size_ - p * kPanel); }

 private:
  void add_panel() {
    panels_.emplace_back();
    Panel& panel = panels_.back();
    const size_t count = d_ * kPanel;
    panel.values.reset(
        static_cast<float*>(::operator new[](count * sizeof(float), std::align_val_t(64))));
    std::fill_n(panel.values.get(), count, 0.0f);
    for (int c = 0; c < kPanel; ++c)
      panel.half_upper[c] = panel.half_lower[c] = std::numeric_limits<float>::infinity();
  }

  int64_t d_, size_ = 0;
  std::vector<Panel> panels_;
};

}  // namespace pyuniform
