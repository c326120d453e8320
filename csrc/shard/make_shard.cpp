#include "shard/make_shard.h"

#include <utility>

#include "rows/matrix.h"
#include "shard/box_filter.h"
#include "shard/code_bound_search.h"
#include "shard/code_filter.h"
#include "shard/float_filter.h"
#include "shard/sketch_search.h"

namespace pyuniform {
namespace {

std::unique_ptr<ShardContext> make_context(const ShardRows& rows, bool keeps_picks) {
  return std::make_unique<ShardContext>(rows.matrix, rows.kernels, rows.center, rows.exponent,
                                        rows.threads, keeps_picks);
}

std::unique_ptr<WitnessSearch> make_search(const ShardContext& context, const SketchAxes* axes) {
  if (!axes) return nullptr;
  return std::make_unique<SketchSearch>(context, axes->values, axes->count, axes->scanned);
}

}  // namespace

std::unique_ptr<Shard> make_float_shard(const ShardRows& rows, const SketchAxes* axes) {
  // The filter alone looks at few picks in float64, and late.
  auto context = make_context(rows, axes != nullptr);
  auto filter = std::make_unique<FloatFilter>(*context);
  auto search = make_search(*context, axes);
  return std::make_unique<Shard>(std::move(context), std::move(filter), std::move(search));
}

std::unique_ptr<Shard> make_code_shard(const ShardRows& rows, const SketchAxes* axes) {
  auto context = make_context(rows, true);
  // Where witnesses are searched most rows never come to the filter.
  auto filter = std::make_unique<CodeFilter>(*context, rows.matrix, axes == nullptr);
  auto search = make_search(*context, axes);
  return std::make_unique<Shard>(std::move(context), std::move(filter), std::move(search));
}

std::unique_ptr<Shard> make_disk_shard(const ShardRows& rows, const Matrix& sample) {
  auto context = make_context(rows, true);
  auto filter = std::make_unique<CodeFilter>(*context, sample, true);
  auto search = std::make_unique<CodeBoundSearch>(*context, filter->tables());
  return std::make_unique<Shard>(std::move(context), std::move(filter), std::move(search));
}

std::unique_ptr<Shard> make_box_shard(const ShardRows& rows) {
  auto context = make_context(rows, true);
  auto filter = std::make_unique<BoxFilter>(*context);
  return std::make_unique<Shard>(std::move(context), std::move(filter), nullptr);
}

}  // namespace pyuniform
