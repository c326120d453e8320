// A filter that relaxes rows in blocks, after the search for witnesses if there is one.
#pragma once

#include "shard/filter.h"
#include "shard/relaxation.h"
#include "shard/stage.h"

namespace pyuniform {

class BlockFilter : public Filter, public Stage {
 public:
  explicit BlockFilter(const ShardContext& context)
      : Stage(context.threads), context_(context), relaxation_(context) {}

  UninitializedVector<int32_t>& met(RowState& state) final { return state.seen; }

  bool relax(const RelaxCall& call) final { return relaxation_.advance(call, *this); }

 protected:
  const ShardContext& context_;

 private:
  Relaxation relaxation_;
};

}  // namespace pyuniform
