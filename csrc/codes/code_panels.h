// Codes of picks, packed for the code tile.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/aligned.h"
#include "simd/kernels.h"

namespace pyuniform {

// Panels of 32 picks. Empty places have an infinite half norm, so nothing is ever below a limit
// there.
class CodePanels {
 public:
  // Of so many columns, of which the tile adds products up over segments.
  explicit CodePanels(int64_t columns, int64_t segment = kSegment)
      : columns_(columns), segment_(segment) {}

  // The next pick, of d columns.
  void append(const int8_t* code, int64_t d, float scale, float half);

  const CodePanel& operator[](int64_t p) const { return panels_[p]; }

  int64_t columns() const { return columns_; }

  // Picks in panel p.
  int64_t filled(int64_t p) const { return std::min<int64_t>(kPanel, size_ - p * kPanel); }

 private:
  void add_panel();

  int64_t columns_, segment_, size_ = 0;
  std::vector<CodePanel> panels_;
  std::vector<AlignedArray<int8_t>> values_;
  std::vector<AlignedArray<uint16_t>> offsets_;
};

}  // namespace pyuniform
