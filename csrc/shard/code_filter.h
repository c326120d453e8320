// The int8 filter.
#pragma once

#include <memory>

#include "rows/matrix.h"
#include "shard/block_filter.h"
#include "shard/code_tables.h"

namespace pyuniform {

// Codes exclude most picks, and float64 decides the others at once. So bounds are the exact
// distances of `nearest`, and of a row that is up to date nothing remains to be settled.
class CodeFilter final : public BlockFilter {
 public:
  // `keeps_rows` says whether codes of all rows are kept; otherwise a row is encoded whenever it
  // comes to the filter. Some rows of `sample` are read at once, to balance the bounds.
  CodeFilter(const ShardContext& context, const Matrix& sample, bool keeps_rows);

  const CodeTables& tables() const { return tables_; }

  std::unique_ptr<RowEncoder> row_encoder() override;
  void add_picks(const NewPicks& picks) override;

  // Encodes all rows, and keeps their codes.
  void search_dropped() override;

 protected:
  std::unique_ptr<Block> make_block() override;

 private:
  CodeTables tables_;
};

}  // namespace pyuniform
