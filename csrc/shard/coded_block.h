// What blocks share that look at rows and picks through their codes.
#pragma once

#include "codes/code_rows.h"
#include "rows/frame.h"
#include "shard/block.h"
#include "shard/code_tables.h"
#include "shard/context.h"

namespace pyuniform {

class CodedBlock : public Block {
 public:
  void prefetch(int64_t i) const override { tables_.rows.prefetch(i); }

  void load(int64_t slot) override {
    packed_.load(slot, tables_.rows, rows[slot].row);
    set_limit(slot);
  }

  void scan(int64_t at, int n, int64_t p) override {
    packed_.scan(at, n, tables_.panels[p], value.data(), flags.data());
    stats.filter_pairs += n * tables_.panels.filled(p);
    stats.int8_madds += n * kPanel * tables_.panels.columns();
  }

  void move(int64_t from, int64_t to) override { packed_.move(from, to); }

 protected:
  // `load` reads `row_bytes` bytes of a row.
  CodedBlock(const ShardContext& context, const CodeTables& tables, int64_t row_bytes)
      : Block(kRows / context.kernels.tile_rows * context.kernels.tile_rows,
              context.kernels.tile_rows, row_bytes),
        frame_(context.frame),
        tables_(tables),
        packed_(context.kernels, context.kernels.code_tile, tables.panels.columns(), capacity) {}

  // To be called whenever a row's bound has changed.
  void set_limit(int64_t slot) {
    packed_.limit[slot] = tables_.bounds.limit(packed_[slot], frame_.in_units(bound[slot]));
  }

  const Frame& frame_;
  const CodeTables& tables_;
  CodeRows packed_;

 private:
  // Enough for a panel's codes to be read from the second-level cache only now and then.
  static constexpr int64_t kRows = 256;
};

}  // namespace pyuniform
