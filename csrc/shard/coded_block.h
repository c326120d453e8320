// What blocks share that look at rows and picks through their codes.
#pragma once

#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "codes/code_rows.h"
#include "codes/codes.h"
#include "shard/block.h"

namespace pyuniform {

class CodedBlock : public Block {
 public:
  void prefetch(int64_t i) const override { codes_.prefetch(i); }

  void load(int64_t slot) override {
    packed_.load(slot, codes_, rows[slot].row);
    set_limit(slot);
  }

  void scan(int64_t at, int n, int64_t p) override {
    packed_.scan(at, n, panels_[p], value.data(), flags.data());
    stats.filter_pairs += n * panels_.filled(p);
    stats.int8_madds += n * kPanel * panels_.columns();
  }

  void move(int64_t from, int64_t to) override { packed_.move(from, to); }

  // How `nearest` says that the bound it gave is one from codes: pick c as unproven(c), and back.
  static int32_t unproven(int32_t pick) { return -2 - pick; }

 protected:
  // `load` reads `row_bytes` bytes of a row.
  CodedBlock(const Kernels& kernels, const Frame& frame, const CodeBounds& bounds,
             const Codes& codes, const CodePanels& panels, int64_t row_bytes)
      : Block(kRows / kernels.tile_rows * kernels.tile_rows, kernels.tile_rows, row_bytes),
        frame_(frame),
        bounds_(bounds),
        codes_(codes),
        panels_(panels),
        packed_(kernels, kernels.code_tile, panels.columns(), capacity) {}

  void set_limit(int64_t slot) {
    packed_.limit[slot] = bounds_.limit(packed_[slot], frame_.in_units(bound[slot]));
  }

  const Frame& frame_;
  const CodeBounds& bounds_;
  const Codes& codes_;
  const CodePanels& panels_;
  CodeRows packed_;

 private:
  // Enough for a panel's codes to be read from the second-level cache only now and then.
  static constexpr int64_t kRows = 256;
};

}  // namespace pyuniform
