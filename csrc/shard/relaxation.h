// relax in blocks: which rows, in which stage, in which order, on which thread.
#pragma once

#include <vector>

#include "shard/context.h"
#include "shard/filter.h"
#include "shard/stage.h"

namespace pyuniform {

// A relax has one pass a stage: the search for witnesses, and then the filter. Each pass goes over
// the rows above the threshold that have not met all picks in that stage. A relax is done in
// several calls, between which the object remembers how far it is.
class Relaxation {
 public:
  explicit Relaxation(const ShardContext& context) : context_(context) {}

  // Does about `call.budget` multiply-adds; returns whether the relax is done.
  bool advance(const RelaxCall& call, Stage& filter);

 private:
  void begin(const RelaxCall& call, Stage& filter);
  void list_rows(const RelaxCall& call);
  void start_pass(const RelaxCall& call);
  int64_t sort_window(int64_t begin, int64_t end, const int32_t* met);
  void run_blocks(const RelaxCall& call);
  void collect(const RelaxCall& call);

  const ShardContext& context_;
  Stage* stage_ = nullptr;       // of the pass under way; null between two relaxes
  std::vector<int32_t> wanted_;  // rows of the relax under way
  std::vector<int32_t> rows_;    // rows of the pass under way
  int64_t done_ = 0;             // how many of these have been worked on
  int64_t width_ = kPanel;       // picks that they meet at a time
  double missed_ = 0;            // picks that one of them has not met, on average
};

}  // namespace pyuniform
