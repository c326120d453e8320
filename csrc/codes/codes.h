// int8 codes of rows and picks.
//
// A row's code stands for xq = scale * code, near x', its place in the frame. Codes serve two ends:
//
// - exclude (CodeBlock). With error_x at least |x' - xq| and what x' itself is away from the row,
//   and likewise for picks, a pick within R of the row satisfies |xq - cq| <= r + error_c, where
//   r = R + error_x. Since (r + e)^2 <= (1 + s) r^2 + (1 + 1/s) e^2 for any s > 0, then
//       half_c - <xq, cq> < limit_x,   half_c  = (|cq|^2 - (1 + 1/s) error_c^2) / 2,
//                                      limit_x = ((1 + s) r^2 - |xq|^2) / 2,
//   both widened by what float32 can lose. docs/explanation/error-bounds.md has the proof.
// - guess (SketchBlock). Codes of some leading coordinates tell which picks are probably near.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "core/aligned.h"
#include "rows/frame.h"
#include "simd/kernels.h"

namespace pyuniform {

// The integer products of rows with more columns could overflow.
constexpr int64_t kMostCodeColumns = 1 << 16;

struct Code {
  float scale;
  float error;  // a bound of the distance of the coded row from the row
  float norm2;  // of the coded row
};

// Squares of rows that are so much larger than those the frame was made for could overflow: their
// codes are zeros, which exclude nothing.
inline bool overflows(double norm2) { return !(norm2 < 0x1p120); }

// The least step of codes that have such norms as sums want.
inline float least_step(const Kernels& kernels, const float* x, int64_t d,
                        const CodeLimits& limits) {
  const bool limited = limits.norm < std::numeric_limits<float>::infinity();
  return limited ? kernels.segment_norm(x, d) / limits.norm : 0;
}

// Encodes d values of the frame; `error` and `norm2` come rounded up and down.
inline Code encode_row(const Kernels& kernels, const Frame& frame, const float* x, double x_norm2,
                       int64_t d, const CodeLimits& limits, int8_t* code) {
  if (overflows(x_norm2)) {
    std::fill_n(code, d, 0);
    return {0, std::numeric_limits<float>::infinity(), 0};
  }
  double rest2, norm2;
  const float scale =
      kernels.encode(x, d, limits.levels, least_step(kernels, x, d, limits), code, &rest2, &norm2);
  const double error = std::sqrt(rest2) * (1 + 0x1p-40) + frame.entry_error(std::sqrt(x_norm2));
  return {scale, round_up(error), std::max(round_down(norm2), 0.0f)};
}

// Codes of which no error is known, in steps of `least_scale` or more; returns their scale.
inline float guess_code(const Kernels& kernels, const float* x, double x_norm2, int64_t d,
                        int levels, float least_scale, int8_t* code) {
  if (overflows(x_norm2)) {
    std::fill_n(code, d, 0);
    return 0;
  }
  return kernels.encode(x, d, levels, least_scale, code, nullptr, nullptr);
}

// How codes exclude picks, for one choice of s.
class CodeBounds {
 public:
  // Any s is correct; the best is the ratio of typical errors and distances.
  static CodeBounds balanced(double errors, double distances) {
    return CodeBounds(std::min(std::max(errors / distances, 0x1p-10), 1.0));
  }

  float half(const Code& pick) const {
    const double error = pick.error;
    const double h = ((1 - kMargin) * pick.norm2 - error_ * error * error) / 2;
    return round_down(h - kMargin / 2 * std::fabs(h));
  }

  // No less than the squared distance, in the frame's units, of a row and a pick for which the tile
  // computed `value` from `half`.
  double upper2(const Code& row, const Code& pick, float half, float value) const {
    const double h = half, norms = static_cast<double>(row.norm2) + pick.norm2;
    // Norms are stored rounded down; the margin is more than that and the tile's roundings.
    const double coded2 =
        (1 + 2 * kMargin) * norms - 2 * (h - value) + 2 * kMargin * std::fabs(h) + 0x1p-120;
    const double d = std::sqrt(std::max(coded2, 0.0)) * (1 + 0x1p-38) + row.error + pick.error;
    return d * d * (1 + 0x1p-36);
  }

  // For picks at a squared distance of up to `distance2`, in the frame's units.
  float limit(const Code& row, double distance2) const {
    const double r = std::sqrt(std::max(distance2, 0.0)) * (1 + 0x1p-38) + row.error;
    return round_up((square_ * r * r - (1 - kMargin) * row.norm2) / 2);
  }

 private:
  explicit CodeBounds(double s) : square_(1 + s), error_(1 + 1 / s) {}

  static constexpr double kMargin = 0x1p-21;
  double square_, error_;
};

// The bytes of a code of d columns as the tile wants them, 128 more than the code, filled up with
// zeros to whole groups.
inline void store_code(const int8_t* values, int64_t d, int64_t columns, uint8_t* out) {
  for (int64_t j = 0; j < d; ++j) out[j] = static_cast<uint8_t>(values[j]) ^ 128;
  for (int64_t j = d; j < columns; ++j) out[j] = 128;
}

// Codes of all rows of a shard, by row.
class Codes {
 public:
  void resize(int64_t rows, int64_t d) {
    stride_ = padded_columns(d);
    values_.reset(new uint8_t[rows * stride_]);  // not touched yet: threads will, side by side
    code_.reset(new Code[rows]);
  }

  // The tile takes columns in groups of up to four.
  static int64_t padded_columns(int64_t d) { return (d + 3) / 4 * 4; }

  bool empty() const { return stride_ == 0; }
  const uint8_t* row(int64_t i) const { return values_.get() + i * stride_; }
  const Code& operator[](int64_t i) const { return code_[i]; }
  int64_t columns() const { return stride_; }

  void set(int64_t i, const Code& code, const int8_t* values, int64_t d) {
    store_code(values, d, stride_, values_.get() + i * stride_);
    code_[i] = code;
  }

  void prefetch(int64_t i) const {
    prefetch_bytes(row(i), stride_);
    prefetch_value(code_[i]);
  }

 private:
  int64_t stride_ = 0;
  std::unique_ptr<uint8_t[]> values_;
  std::unique_ptr<Code[]> code_;
};

// Codes of picks, packed for the code tile. A panel's empty places have an infinite half norm, so
// nothing is ever below a limit there.
class CodePanels {
 public:
  explicit CodePanels(int64_t columns, int64_t segment = kSegment)
      : columns_(columns), segment_(segment) {}

  void append(const int8_t* code, int64_t d, float scale, float half) {
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

  const CodePanel& operator[](int64_t p) const { return panels_[p]; }

  int64_t columns() const { return columns_; }

  // Picks in panel p.
  int64_t filled(int64_t p) const { return std::min<int64_t>(kPanel, size_ - p * kPanel); }

 private:
  void add_panel() {
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

  int64_t columns_, segment_, size_ = 0;
  std::vector<CodePanel> panels_;
  std::vector<AlignedArray<int8_t>> values_;
  std::vector<AlignedArray<uint16_t>> offsets_;
};

// Rows of codes abreast, as the code tile wants them, with room for it to read a full tile.
class CodeRows {
 public:
  // Of `columns` the tile looks at the first `scanned`.
  CodeRows(const Kernels& kernels, CodeTile* tile, int64_t columns, int64_t capacity,
           int64_t scanned)
      : tile_(tile),
        columns_(columns),
        scanned_(scanned),
        // Multiples of a page, or of a quarter, would put a tile's rows into few cache sets.
        stride_(columns % 1024 == 0 ? columns + 64 : columns),
        values_((capacity + kernels.tile_rows) * stride_),
        scale_(capacity + kernels.tile_rows),
        code_(capacity),
        limit(capacity + kernels.tile_rows) {}

  CodeRows(const Kernels& kernels, CodeTile* tile, int64_t columns, int64_t capacity)
      : CodeRows(kernels, tile, columns, capacity, columns) {}

  void load(int64_t slot, const Codes& codes, int64_t i) {
    std::memcpy(row(slot), codes.row(i), columns_);
    set_code(slot, codes[i]);
  }

  void set(int64_t slot, const Code& code, const int8_t* values, int64_t d) {
    store_code(values, d, columns_, row(slot));
    set_code(slot, code);
  }

  const Code& operator[](int64_t slot) const { return code_[slot]; }

  const uint8_t* values(int64_t slot) const { return &values_[slot * stride_]; }

  void scan(int64_t at, int n, const CodePanel& panel, float* value, uint32_t* flags) const {
    tile_(&values_[at * stride_], stride_, n, panel, scanned_ / 4, &scale_[at], &limit[at], value,
          flags);
  }

  void move(int64_t from, int64_t to) {
    std::memcpy(row(to), row(from), columns_);
    set_code(to, code_[from]);
    limit[to] = limit[from];
  }

 private:
  uint8_t* row(int64_t slot) { return &values_[slot * stride_]; }

  void set_code(int64_t slot, const Code& code) {
    code_[slot] = code;
    scale_[slot] = code.scale;
  }

  CodeTile* const tile_;
  const int64_t columns_, scanned_, stride_;
  std::vector<uint8_t> values_;
  std::vector<float> scale_;  // apart, for the tile
  std::vector<Code> code_;

 public:
  std::vector<float> limit;  // values below a row's limit can matter to it
};

}  // namespace pyuniform
