// A stage of relax that compares rows with picks in blocks.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "shard/block.h"
#include "shard/row_state.h"

namespace pyuniform {

// There are two: the search for a witness, where there is one, and the filter.
class Stage {
 public:
  explicit Stage(int threads) : blocks_(threads) {}
  virtual ~Stage() = default;

  // By row: how many picks the row has met in this stage, in pick order.
  virtual UninitializedVector<int32_t>& met(RowState& state) = 0;

  // The block of the thread with this number, which is made when it is first asked for.
  Block& block(int slot) {
    if (!blocks_[slot]) blocks_[slot] = make_block();
    return *blocks_[slot];
  }

  // Calls visit(block) for the blocks there are.
  template <typename Visit>
  void each_block(Visit visit) {
    for (const auto& block : blocks_)
      if (block) visit(*block);
  }

 protected:
  virtual std::unique_ptr<Block> make_block() = 0;

  // To be called when blocks made before would not fit what the stage has become.
  void forget_blocks() { blocks_ = std::vector<std::unique_ptr<Block>>(blocks_.size()); }

 private:
  std::vector<std::unique_ptr<Block>> blocks_;
};

}  // namespace pyuniform
