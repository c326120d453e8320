// Ranked packing: rows come in an order, and one is taken unless an earlier pick is within reach.
//
// Rows come in blocks. Those of a block first meet all picks that were made before it, side by side
// on all threads, in pick order up to the first pick within reach. What is left of the block is
// then halved: the first half is settled, the second meets the picks of the first, and is settled.
// A filter excludes most picks; float64 decides.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "pack/cells.h"
#include "pack/pick_filter.h"
#include "rows/frame.h"
#include "rows/matrix.h"
#include "rows/row_reader.h"

namespace pyuniform {

struct PackingStats {
  int64_t filter_pairs = 0;  // pairs of row and pick that the filter looked at
  int64_t exact_pairs = 0;   // canonical distances
  int64_t filter_madds = 0;  // with padding
};

class Packing {
 public:
  // Picks at a canonical squared distance of up to `within2` rule a row out; below 0 none does.
  // With `codes` an int8 filter, and, if there is a prefix, by that first; otherwise one in
  // float32. Blocks have at most `places` rows. The matrix must outlive the packing; of `sample`,
  // which may be the matrix, some rows are read at once.
  Packing(const Kernels& kernels, const Matrix& matrix, const Matrix& sample, const double* center,
          int exponent, int threads, bool codes, std::unique_ptr<Prefix> prefix, bool cells,
          double within2, int64_t places);
  ~Packing();

  const Matrix& matrix() const { return matrix_; }
  int64_t picks() const { return anchors() + static_cast<int64_t>(picked_.size()); }
  int64_t size() const { return static_cast<int64_t>(rows_.size()); }  // of the block
  const PackingStats& stats() const { return stats_; }

  // Makes vectors from elsewhere picks, before any row is one: count x padded(d), canonical.
  void add_anchors(const double* values, int64_t count);

  // Makes rows picks that an earlier run took, before the first block.
  void add_rows(const int64_t* rows, int64_t count);

  // From here on at most left[g] rows of group g are taken.
  void set_quotas(const int64_t* left, int64_t groups) { left_.assign(left, left + groups); }

  // Takes up the next rows in order, a block of them; group[r] is that of the block's row r, or
  // `group` null where there are no quotas.
  void start(const int64_t* rows, int64_t count, const int32_t* group);

  // Compares rows of the block with the picks made before it. To be called until it returns true;
  // each call does some `budget` multiply-adds, so that the caller can answer an interrupt.
  bool scan(double budget);

  // For a block that is settled elsewhere, once it is scanned: writes of each row the number of the
  // first pick within reach, or kTaken, and the squared distance to this pick.
  void found(int32_t* by, double* distance2);

  // What becomes of a row, where no pick rules it out.
  static constexpr int32_t kTaken = -1, kGroupFull = -2, kUnread = -3;

  // Settles the block, once it is scanned: writes what becomes of each row, the number of the pick
  // that rules it out or one of the constants above, and the squared distance to this pick. At most
  // `most` rows are taken.
  void settle(int64_t most, int32_t* by, double* distance2);

 private:
  class Thread;

  int64_t anchors() const {
    return static_cast<int64_t>(anchor_values_.size()) / padded(matrix_.d);
  }
  Thread& thread(int slot);
  void compare(const int32_t* places, int64_t count, int64_t from);
  std::vector<int32_t> open_places(int64_t begin, int64_t end) const;
  void settle_part(const int32_t* places, int64_t count);
  void settle_in_cells(const int32_t* places, int64_t count);
  void add_pick(int64_t row);
  void count_work();

  const Kernels& kernels_;
  const Matrix& matrix_;
  const Frame frame_;
  const int threads_;
  const double within2_;
  std::unique_ptr<PickFilter> filter_;  // or, with cells, and where nothing is ruled out, null
  std::unique_ptr<Cells> cells_;
  std::vector<double> anchor_values_;
  std::vector<int64_t> picked_;  // rows taken, in order; they come after the anchors
  std::vector<std::unique_ptr<Thread>> workers_;

  // The block under way.
  std::vector<int64_t> rows_;
  std::vector<int32_t> by_;
  std::vector<double> distance2_;
  int64_t scanned_ = 0;  // rows that have met the picks made before the block
  std::vector<int32_t> group_;
  std::vector<int64_t> left_;  // by group, before the block; none if there are no quotas
  std::vector<int64_t> rest_;  // of this, while the block is settled
  int64_t most_ = 0;           // picks that there may be
  PackingStats stats_;
};

}  // namespace pyuniform
