// The state of a set of rows during a traversal, and the operations the traversal is made of.
//
// For each row: `bound`, a rigorous upper bound of its canonical squared distance to the picks;
// `nearest`, the pick that gave it; and `seen`, how many picks are known, in pick order, not to be
// nearer. A picked row has bound -1. Rows compete by their score, which is the bound unless
// `set_scores` says otherwise; thresholds are scores. With a float32 filter there is also `second`,
// a lower limit of the upper bounds of all the other seen picks that might yet turn out to be
// nearer than `nearest`; infinite if there are none, and the bound is exact. With sketches, or
// where rows are far, `scanned` says how many picks were searched for a witness; `nearest` may then
// lie beyond `seen`, and below -1 if its distance is bounded by codes only.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "codes/codes.h"
#include "codes/sketch.h"
#include "core/thread_pool.h"
#include "core/uninitialized.h"
#include "picks/canonical_picks.h"
#include "picks/panels.h"
#include "pool/pool.h"
#include "rows/frame.h"
#include "rows/matrix.h"
#include "shard/block.h"
#include "shard/boxes.h"
#include "simd/kernels.h"

namespace pyuniform {

class Shard {
 public:
  // With `codes` an int8 filter, otherwise one in float32. With `axes` (p x d) rows are sketched,
  // and witnesses searched by the first `scanned` coordinates. `far`, with codes and without axes,
  // says that rows are dear to read: upper bounds from codes park most, and only the others are
  // read. With `boxes`, of at most kBoxColumns columns, no filter: rows in boxes, and distances in
  // float64. The matrix must outlive the shard; of `sample`, which may be the matrix, some rows are
  // read at once.
  Shard(const Kernels& kernels, const Matrix& matrix, const Matrix& sample, const double* center,
        int exponent, int threads, bool codes, const float* axes, int64_t p, int64_t scanned,
        bool far = false, bool boxes = false);

  const Matrix& matrix() const { return matrix_; }
  int64_t size() const { return matrix_.n; }
  int64_t columns() const { return matrix_.d; }
  int64_t picks() const { return canonical_picks_.size(); }
  const ShardStats& stats() const { return stats_; }

  // What is known of the rows. Whoever writes to it must have made the same picks, with the same
  // filter.
  UninitializedVector<double>& bound() {
    if (boxes_) boxes_->store(bound_.data(), nearest_.data());
    return bound_;
  }
  UninitializedVector<float>& second() { return second_; }
  UninitializedVector<int32_t>& nearest() {
    bound();
    return nearest_;
  }
  UninitializedVector<int32_t>& seen() { return seen_; }
  UninitializedVector<int32_t>& scanned() { return scanned_; }

  // The first of the rows begin to end whose state, written from elsewhere, cannot be one of these
  // picks; -1 if there is none. Numbers of picks are out of range, a row is in the race or out of
  // it although it was or was not picked (`picked`, by row), or the bound is not the distance to
  // `nearest`, or, while that is in doubt, below it.
  int64_t first_unsound(const bool* picked, int64_t begin, int64_t end);

  // From here on the float32 filter, whose bounds are tighter; between two calls of relax.
  void drop_codes();

  // From here on no search for witnesses; between two calls of relax.
  void drop_sketches();

  // The score of a row is factor[i] times its bound, and -1, out of the race, where the factor is
  // zero or the bound not above `floor2`. Without factors (null) they are one. They are not copied.
  void set_scores(const double* factor, double floor2) {
    factor_ = factor;
    floor2_ = floor2;
    listed_above_ = std::numeric_limits<double>::infinity();
  }

  // Makes rows picks: `rows[p]` is a row of this shard, which leaves the race, or -1 for a pick
  // from elsewhere; values is count x padded(d), canonical.
  void add_picks(const int64_t* rows, const double* values, int64_t count);

  // The score below which all but about `count` rows lie, from a sample of the rows; boxes may know
  // lower ones.
  double threshold(int64_t count) const;

  // Takes up the next rows in their order, `count` at most: the distance to the first pick, codes,
  // sketches. relax does so where rows are in memory; where they are far, whoever reads them.
  void take_in(int64_t count);

  // Brings every row whose score exceeds rho up to date, unless it falls to `aim` on the way: to
  // rho, or less if more is wanted of rows that are being looked at. To be called until it returns
  // true; each call does some `budget` multiply-adds, so that the caller can answer an interrupt.
  bool relax(double rho, double aim, int64_t chunk, double budget);

  // The up to `limit` rows with the largest scores above rho; all of them must be up to date. Their
  // bounds become exact. Writes their rows in no particular order, and returns their number;
  // `outside` receives the best score of the rest.
  int64_t candidates(double rho, int64_t limit, int64_t* rows, Outside* outside);

  // Row state, as a pool wants it: canonical values, exact squared distance, nearest pick.
  void read(const int64_t* rows, int64_t count, double* values, double* distance2,
            int32_t* nearest);

  // Makes the bounds of up-to-date rows exact.
  void settle(const int64_t* rows, int64_t count);

  // Takes back what a pool found out about rows.
  void write(const int64_t* rows, int64_t count, const double* distance2, const int32_t* nearest,
             const int32_t* seen);

 private:
  // relax has two passes, each over the rows that it leaves above the threshold: one that looks for
  // a witness, by sketches or, where rows are far, by codes, and the filter.
  enum class Pass { idle, witness, filter };

  double score(int64_t i) const { return score(i, bound_[i]); }

  double score(int64_t i, double bound2) const {
    if (bound2 <= floor2_) return -1;
    if (!factor_) return bound2;
    return factor_[i] > 0 ? factor_[i] * bound2 : -1;
  }

  // A bound at which row i, whose factor is not zero, is sure to score rho at most.
  double parks_at(int64_t i, double rho) const {
    if (!factor_) return std::max(rho, floor2_);
    double bound2 = rho / factor_[i];
    while (factor_[i] * bound2 > rho)
      bound2 = std::nextafter(bound2, -std::numeric_limits<double>::infinity());
    return std::max(bound2, floor2_);
  }

  // Whether relax lists the rows above its threshold: with factors bounds do not tell them, and a
  // negative threshold leaves out none.
  bool lists_above(double rho) const { return !factor_ && rho >= 0; }

  // Those that look at `count` rows in float64; where rows are far they wait for the disk.
  int threads_for_rows(int64_t count) const {
    return far_ ? threads_
                : useful_threads(10.0 * static_cast<double>(count) * static_cast<double>(matrix_.d),
                                 threads_);
  }

  // What it takes to code and to sketch a row, about.
  double madds_a_row() const {
    return static_cast<double>(matrix_.d) * static_cast<double>(4 + (axes_ ? axes_->count() : 0));
  }

  bool searches() const { return far_ || axes_; }
  bool has_codes() const { return coded_; }
  void encode(int64_t i, const float* in_frame, double norm2, int8_t* values);
  CodeBounds sample_bounds(const Matrix& sample) const;
  void find_wanted(double rho);
  void start_pass(Pass pass, double rho);
  void ask_for(int32_t row, const Block& block) const;
  void relax_block(const int32_t* rows, int64_t count, double rho, double aim, int64_t chunk,
                   Block& block);
  // What rows are worked on by in this pass, by the thread that has this number.
  Block& block(Pass pass, int slot);
  void forget_blocks() {
    filter_blocks_ = std::vector<std::unique_ptr<Block>>(threads_);
    witness_blocks_ = std::vector<std::unique_ptr<Block>>(threads_);
  }
  bool relax_boxes(double rho, double budget);
  void rescan(const std::vector<int64_t>& rows);

  const Kernels& kernels_;
  const Matrix& matrix_;
  const Frame frame_;
  const int threads_;

  // The picks, in each shape that something wants.
  CanonicalPicks canonical_picks_;
  Panels panels_;
  CodePanels code_panels_;
  PickSketches pick_sketches_;
  std::vector<Code> pick_codes_;  // where rows are far

  bool coded_;              // whether the filter is int8
  Codes codes_, sketches_;  // codes are not kept while witnesses are searched
  CodeBounds code_bounds_;
  std::unique_ptr<Axes> axes_;
  std::unique_ptr<Boxes> boxes_;
  int64_t boxes_done_ = 0;  // of the relax under way
  const bool far_;
  int64_t taken_in_ = 0;  // rows that know the first pick, and are encoded

  const double* factor_ = nullptr;
  double floor2_ = -1;
  UninitializedVector<double> bound_;
  UninitializedVector<float> second_;
  UninitializedVector<int32_t> nearest_, seen_, scanned_;

  Pass pass_ = Pass::idle;
  std::vector<int32_t> wanted_;  // rows of the relax under way
  std::vector<int32_t> active_;  // rows of the pass under way
  int64_t active_done_ = 0;
  int64_t width_ = kPanel;  // picks that rows meet at a time in it
  Survivors left_;          // by the last relax; its rows are listed if its threshold is this
  double listed_above_ = std::numeric_limits<double>::infinity();
  double missed_ = 0;          // picks that a row of these has not met, on average
  int64_t relaxed_picks_ = 0;  // picks there were at the last relax
  std::vector<std::unique_ptr<Block>> filter_blocks_, witness_blocks_;  // by slot, or null
  ShardStats stats_;
};

}  // namespace pyuniform
