#include "shard/sketch_search.h"

#include <vector>

#include "codes/code.h"
#include "codes/sketcher.h"
#include "core/thread_pool.h"
#include "rows/row_reader.h"
#include "shard/sketch_block.h"

namespace pyuniform {
namespace {

class SketchEncoder final : public RowEncoder {
 public:
  SketchEncoder(const ShardContext& context, const Axes& axes, Codes* sketches)
      : context_(context),
        axes_(axes),
        sketches_(sketches),
        reader_(context.matrix, context.kernels),
        sketcher_(context.kernels, axes),
        in_frame_(context.matrix.d),
        values_(axes.count()) {}

  void encode(int64_t at, int n) override {
    for (int r = 0; r < n; ++r) {
      const double norm2 = reader_.pack(at + r, context_.frame, in_frame_.data());
      sketcher_.load(r, in_frame_.data(), norm2);
    }
    sketcher_.project(n);
    for (int r = 0; r < n; ++r) {
      const Code sketch = sketcher_.encode(r, context_.kernels.row_codes.levels, values_.data());
      sketches_->set(at + r, sketch, values_.data(), axes_.count());
    }
  }

 private:
  const ShardContext& context_;
  const Axes& axes_;
  Codes* const sketches_;
  RowReader reader_;
  Sketcher sketcher_;
  std::vector<float> in_frame_;
  std::vector<int8_t> values_;
};

}  // namespace

SketchSearch::SketchSearch(const ShardContext& context, const float* axes, int64_t p,
                           int64_t scanned)
    : WitnessSearch(context),
      context_(context),
      axes_(context.kernels, axes, p, scanned, context.matrix.d),
      pick_sketches_(p, scanned) {
  sketches_.resize(context.matrix.n, p);
}

void SketchSearch::set_filter(Filter& filter) {
  filter_ = &filter;
  forget_blocks();
}

std::unique_ptr<RowEncoder> SketchSearch::row_encoder() {
  return std::make_unique<SketchEncoder>(context_, axes_, &sketches_);
}

int64_t SketchSearch::madds_a_row() const { return axes_.count() * context_.matrix.d; }

void SketchSearch::add_picks(const NewPicks& picks, ShardStats* stats) {
  const int64_t p = axes_.count(), count = picks.count;
  std::vector<int8_t> values(count * p);
  std::vector<Code> sketches(count);
  const int threads = useful_threads(static_cast<double>(count * madds_a_row()), context_.threads);
  in_parallel(0, count, context_.kernels.tile_rows, threads, [&](Share& share) {
    Sketcher sketcher(context_.kernels, axes_);
    for (const auto [at, end] : share) {
      for (int64_t c = at; c < end; ++c)
        sketcher.load(static_cast<int>(c - at), picks.in_frame(c), picks.norm2[c]);
      sketcher.project(static_cast<int>(end - at));
      for (int64_t c = at; c < end; ++c)
        sketches[c] = sketcher.encode(static_cast<int>(c - at), context_.kernels.pick_codes.levels,
                                      &values[c * p]);
    }
  });
  for (int64_t c = 0; c < count; ++c) pick_sketches_.append(sketches[c], &values[c * p]);
  stats->int8_madds += count * p * context_.matrix.d;
}

std::unique_ptr<Block> SketchSearch::make_block() {
  return std::make_unique<SketchBlock>(context_, sketches_, pick_sketches_, *filter_);
}

}  // namespace pyuniform
