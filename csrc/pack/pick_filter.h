// How rows of a block exclude most of the picks: by int8 codes, or in float32.
//
// A filter holds what it wants of the block's rows, by place, and of all picks, in panels. What it
// does not exclude is left to float64.
#pragma once

#include <memory>
#include <vector>

#include "pack/prefix.h"
#include "picks/panels.h"
#include "rows/frame.h"
#include "simd/kernels.h"

namespace pyuniform {

// Some rows of the block, abreast in the slots of one thread.
class RowsAbreast {
 public:
  virtual ~RowsAbreast() = default;

  virtual void load(int64_t slot, int64_t place) = 0;
  virtual void move(int64_t from, int64_t to) = 0;

  // Sets flags[slot] of the first `active` slots: the picks of panel p that the row does not
  // exclude. There is room for a tile more.
  virtual void scan(int64_t active, int64_t p, uint32_t* flags) = 0;

  int64_t madds = 0;  // multiply-adds, with padding
};

class PickFilter {
 public:
  virtual ~PickFilter() = default;

  // Takes up the row of the frame as that of a place of the block. Different places may be set at
  // a time.
  virtual void set_row(int64_t place, const float* in_frame, double norm2) = 0;

  // The next pick.
  virtual void add_pick(const float* in_frame, double norm2) = 0;

  // For one thread.
  virtual std::unique_ptr<RowsAbreast> abreast(int64_t capacity) const = 0;
};

// What a filter is made for: blocks of `places` rows of d values; picks beyond the squared distance
// `within2`, in the frame's units, are to be excluded.
struct FilterSize {
  int64_t d, places;
  double within2;
};

// By codes; with a prefix, unless that is null, by codes of it first. `some` rows of the frame, of
// d values each, say how large errors are.
std::unique_ptr<PickFilter> make_code_filter(const Kernels& kernels, const Frame& frame,
                                             const FilterSize& size, std::unique_ptr<Prefix> prefix,
                                             const std::vector<float>& some);

std::unique_ptr<PickFilter> make_float_filter(const Kernels& kernels, const Frame& frame,
                                              const FilterSize& size);

}  // namespace pyuniform
