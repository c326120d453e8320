// Which pairs of a set of rows may be near each other, by the float32 filter, a tile of rows at a
// time; and their canonical distances.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "picks/panels.h"
#include "rows/frame.h"
#include "rows/matrix.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"
#include "simd/kernels.h"

namespace pyuniform {

// The rows that others are compared with: those of [begin, end).
struct Columns {
  Columns(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
          int64_t end);

  const int64_t begin;
  Panels panels;
};

// One thread's tile of rows.
class PairFilter {
 public:
  PairFilter(const Kernels& kernels, const Matrix& matrix, const Frame& frame,
             const Columns& columns);

  int rows() const { return kernels_.tile_rows; }

  // Takes n rows from `at` on, in place of those before.
  void load(int64_t at, int n);

  // From here on pairs are asked for whose canonical squared distance is `distance2` or less.
  void set_limit(double distance2);

  // Calls hit(r, j, bits) for each row r of the tile and each panel of columns, of which those may
  // be near that are row j + c for a bit c of `bits`, and after each panel more(), which ends it
  // by false. A row is compared with itself and rows before it too where these share a panel.
  template <typename Hit, typename More>
  void scan(Hit hit, More more) {
    // Columns up to the first row of the tile are pairs seen from the other side.
    const int64_t first_column = std::max(columns_.begin, at_ + 1) - columns_.begin;
    for (int64_t p = first_column / kPanel; p < columns_.panels.count(); ++p) {
      look_at(columns_.panels[p]);
      for (int r = 0; r < n_; ++r)
        if (below_[r]) hit(r, columns_.begin + p * kPanel, below_[r]);
      if (!more()) return;
    }
  }

  // The canonical squared distance of row r of the tile to row j.
  double distance2(int r, int64_t j);

 private:
  void look_at(const Panel& panel);

  const Kernels& kernels_;
  const Frame& frame_;
  const Columns& columns_;
  const int64_t d_;
  int64_t at_ = 0;
  int n_ = 0;
  RowReader reader_;
  RowBlock packed_;
  std::vector<double> x_, y_;  // canonical values: of the tile's rows, and of another
  std::vector<char> have_x_;
  std::vector<double> lower_;
  std::vector<float> limit_, value_;
  std::vector<uint32_t> below_;
};

}  // namespace pyuniform
