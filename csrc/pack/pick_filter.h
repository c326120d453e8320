// How rows of a block exclude most of the picks: by int8 codes, or in float32.
//
// A filter holds what it wants of the block's rows, by place, and of all picks, in panels. What it
// does not exclude is left to float64.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "codes/codes.h"
#include "picks/panels.h"
#include "rows/frame.h"
#include "rows/row_reader.h"
#include "simd/kernels.h"

namespace pyuniform {

// Some rows of the block, abreast in the slots of one thread.
class RowsAbreast {
 public:
  virtual ~RowsAbreast() = default;

  virtual void load(int64_t slot, int64_t place) = 0;
  virtual void move(int64_t from, int64_t to) = 0;

  // Sets flags[r], for n rows from slot `at` on: the picks of panel p that the row does not
  // exclude.
  virtual void scan(int64_t at, int n, int64_t p, uint32_t* flags) = 0;
};

class PickFilter {
 public:
  virtual ~PickFilter() = default;

  // Takes up the row of the frame as that of a place of the block. Different places may be set at a
  // time.
  virtual void set_row(int64_t place, const float* in_frame, double norm2) = 0;

  // The next pick.
  virtual void add_pick(const float* in_frame, double norm2) = 0;

  // For one thread.
  virtual std::unique_ptr<RowsAbreast> abreast(int64_t capacity) const = 0;
};

// Codes of `rows` places; picks beyond the squared distance `within2` are excluded, which is in the
// frame's units. `error` is about that of a row's code.
std::unique_ptr<PickFilter> make_code_filter(const Kernels& kernels, const Frame& frame, int64_t d,
                                             int64_t places, double within2, double error);

std::unique_ptr<PickFilter> make_float_filter(const Kernels& kernels, const Frame& frame, int64_t d,
                                              int64_t places, double within2);

}  // namespace pyuniform
