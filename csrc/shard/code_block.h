// The int8 filter's block: codes exclude most picks, and float64 decides the others at once.
#pragma once

#include "picks/exact_distance.h"
#include "shard/coded_block.h"
#include "shard/row_coder.h"

namespace pyuniform {

// Where codes of rows are not kept, since most rows never come here, a row is encoded when it is
// loaded.
class CodeBlock final : public CodedBlock {
 public:
  CodeBlock(const ShardContext& context, const CodeTables& tables);

  void prefetch(int64_t i) const override;
  void load(int64_t slot) override;
  bool postpone(int64_t slot, float* values, uint32_t& bits, int64_t p) override;
  void apply(int64_t slot, const float* values, uint32_t bits, int64_t p) override;

 private:
  void prove(int64_t slot);

  RowCoder coder_;  // of rows whose codes are not kept
  ExactDistance decider_;
};

}  // namespace pyuniform
