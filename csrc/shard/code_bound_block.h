// A block that parks rows by upper bounds from codes alone.
#pragma once

#include "shard/coded_block.h"

namespace pyuniform {

// A row's bound becomes that of a pick whose coded distance, with both errors added, is within it;
// `nearest` then says so: see unproven.
class CodeBoundBlock final : public CodedBlock {
 public:
  CodeBoundBlock(const ShardContext& context, const CodeTables& tables)
      : CodedBlock(context, tables, tables.rows.columns()) {}

  void apply(int64_t slot, const float* values, uint32_t bits, int64_t p) override;
};

}  // namespace pyuniform
