// Rows of codes side by side, as the code tile wants them.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "codes/codes.h"
#include "simd/kernels.h"

namespace pyuniform {

// Slots for rows, with room for the tile to read as many as it takes at a time.
class CodeRows {
 public:
  // Room for `capacity` rows of so many columns; of these the tile looks at the first `scanned`.
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

  // Takes up row i of `codes`.
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

  // Has the tile compare n rows, from slot `at` on, with a panel of picks.
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
