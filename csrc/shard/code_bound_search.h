// The search for witnesses where rows are on disk, and dear to read: by upper bounds from codes.
#pragma once

#include <memory>

#include "shard/code_bound_block.h"
#include "shard/witness_search.h"

namespace pyuniform {

// It parks most rows before the int8 filter, which decides in float64, has to read them. It looks
// at the codes that the filter keeps, of rows as of picks.
class CodeBoundSearch final : public WitnessSearch {
 public:
  // `tables` are those of the filter that comes after, which stays the same for all the run.
  CodeBoundSearch(const ShardContext& context, const CodeTables& tables)
      : WitnessSearch(context), context_(context), tables_(tables) {}

  void set_filter(Filter&) override {}
  bool leaves_unproven() const override { return true; }
  void add_picks(const NewPicks&, ShardStats*) override {}

 protected:
  std::unique_ptr<Block> make_block() override {
    return std::make_unique<CodeBoundBlock>(context_, tables_);
  }

 private:
  const ShardContext& context_;
  const CodeTables& tables_;
};

}  // namespace pyuniform
