#include "shard/code_filter.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "codes/code.h"
#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "codes/codes.h"
#include "core/thread_pool.h"
#include "rows/matrix.h"
#include "shard/code_block.h"
#include "shard/row_coder.h"

namespace pyuniform {
namespace {

// Bounds that suit typical rows. Distances are about as large as norms.
CodeBounds sample_bounds(const ShardContext& context, const Matrix& sample) {
  RowCoder coder(sample, context.kernels, context.frame);
  double error = 0, norm = 1e-30;
  for (int64_t i = 0; i < sample.n; i += std::max<int64_t>(1, sample.n / 128)) {
    error += coder.encode(i).error;
    norm += std::sqrt(coder.norm2());
  }
  return CodeBounds::balanced(error, norm);
}

class CodeEncoder final : public RowEncoder {
 public:
  CodeEncoder(const ShardContext& context, Codes* codes)
      : coder_(context.matrix, context.kernels, context.frame), codes_(codes) {}

  void encode(int64_t at, int n) override {
    for (int64_t i = at; i < at + n; ++i)
      codes_->set(i, coder_.encode(i), coder_.values(), coder_.columns());
  }

 private:
  RowCoder coder_;
  Codes* const codes_;
};

}  // namespace

CodeFilter::CodeFilter(const ShardContext& context, const Matrix& sample, bool keeps_rows)
    : BlockFilter(context),
      tables_{sample_bounds(context, sample), {}, CodePanels(Codes::padded_columns(sample.d)), {}} {
  if (keeps_rows) tables_.rows.resize(context.matrix.n, context.matrix.d);
}

std::unique_ptr<RowEncoder> CodeFilter::row_encoder() {
  if (tables_.rows.empty()) return nullptr;
  return std::make_unique<CodeEncoder>(context_, &tables_.rows);
}

void CodeFilter::add_picks(const NewPicks& picks) {
  const int64_t d = context_.matrix.d, count = picks.count;
  const Kernels& kernels = context_.kernels;
  std::vector<int8_t> values(count * d);
  std::vector<Code> codes(count);
  const int threads = useful_threads(4.0 * static_cast<double>(count * d), context_.threads);
  in_parallel(0, count, even_step(count, 1, threads), threads, [&](Share& share) {
    for (const auto [begin, end] : share)
      for (int64_t c = begin; c < end; ++c)
        codes[c] = encode_row(kernels, context_.frame, picks.in_frame(c), picks.norm2[c], d,
                              kernels.pick_codes, &values[c * d]);
  });
  for (int64_t c = 0; c < count; ++c)
    tables_.panels.append(&values[c * d], d, codes[c].scale, tables_.bounds.half(codes[c]));
  tables_.picks.insert(tables_.picks.end(), codes.begin(), codes.end());
}

std::unique_ptr<Block> CodeFilter::make_block() {
  return std::make_unique<CodeBlock>(context_, tables_);
}

void CodeFilter::search_dropped() {
  const int64_t n = context_.matrix.n, step = context_.kernels.tile_rows;
  forget_blocks();
  tables_.rows.resize(n, context_.matrix.d);
  const double madds = 4.0 * static_cast<double>(n) * static_cast<double>(context_.matrix.d);
  const int threads = useful_threads(madds, context_.threads);
  in_parallel(0, n, even_step(n, step, threads), threads, [&](Share& share) {
    CodeEncoder encoder(context_, &tables_.rows);
    for (const auto [from, to] : share)
      for (int64_t at = from; at < to; at += step)
        encoder.encode(at, static_cast<int>(std::min(step, to - at)));
  });
}

}  // namespace pyuniform
