// The C++ core of pyuniform: raw pointers in, raw pointers out; only bindings/ sees Python.
//
// docs/development/core.md says which part does what. This file declares the few loops that are
// written per instruction set, in isa_*.cpp, of loops/; dispatch.cpp lists those that the processor
// can run.
//
// Two kinds of arithmetic, never mixed up:
// - the filter (float32 or int8, any summation order) yields rigorous bounds and decides nothing;
// - the canonical squared distance (float64, one summation order, no fused multiply-add) decides.
//
// The tie rule, the same everywhere: of equal distances the lowest row index is picked, and of
// equally near picks the earliest is the nearest.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "simd/code_panel.h"
#include "simd/layout.h"

namespace pyuniform {

// What a fingerprint is made of: of the 64-bit words w[0], w[1], ... of a row's bytes, the last
// filled up with zeros, the sum, and that of the products of both halves of w[j] ^ (j + 1) *
// kPrime, modulo 2^64.
constexpr uint64_t kPrime = 0x9e3779b97f4a7c15u;

struct WordSums {
  uint64_t plain, products;
};

// What a tile does in between, now and then: asks memory for some of what comes next.
class PrefetchHook {
 public:
  virtual void step() = 0;

 protected:
  ~PrefetchHook() = default;
};

// One instruction set's loops.
struct Kernels {
  const char* name;

  // The most rows one call of `tile` takes.
  int tile_rows;

  // Widens d stored values to float64; exact.
  void (*widen)(const void* source, DType dtype, int64_t d, double* out);

  // The largest magnitude of d stored values; infinity or NaN if one of them is not finite.
  double (*largest)(const void* source, DType dtype, int64_t d);

  WordSums (*sum_words)(const void* source, int64_t bytes);

  // Bit j says whether x[j] is above `limit`, for j < n <= 64. Those that are not may raise *rest.
  uint64_t (*which_above)(const double* x, int64_t n, double limit, double* rest);

  // out[j] = x[j] * scale - center[j] rounded once to float32; returns the squared norm of out.
  // `scratch` holds d values.
  double (*pack)(const void* source, DType dtype, double scale, const float* center, int64_t d,
                 float* out, double* scratch);

  // The canonical squared distance of two zero-padded rows.
  double (*distance2)(const double* x, const double* y, int64_t padded_d);

  // The same of two rows of d float32 values.
  double (*distance2_f32)(const float* x, const float* y, int64_t d);

  // Picks abreast in a panel: a panel is kPanel / panel_width groups of d x panel_width values.
  int panel_width;

  // Where a panel has value j of its pick c.
  int64_t panel_place(int64_t d, int64_t j, int64_t c) const {
    return c / panel_width * panel_width * d + j * panel_width + c % panel_width;
  }

  // value[r * kPanel + c] = half[c] - <rows[r], pick c of the panel> for n <= tile_rows rows that
  // lie `stride` floats apart. Bit c of below[r] says whether that value is smaller than limit[r].
  // Reads, but does not use, up to tile_rows rows. `hook` may be null.
  void (*tile)(const float* rows, int64_t stride, int n, const float* panel, const float* half,
               int64_t d, const float* limit, float* value, uint32_t* below, PrefetchHook* hook);

  // The largest norm of a half of a segment of d values.
  float (*segment_norm)(const float* x, int64_t d);

  // code[j] = x[j] / scale rounded to an integer of at most `levels`, scale being `least_scale` or
  // more; returns scale. `rest2` and `norm2`, unless they are null, receive the squared norms of x
  // - scale * code and of scale * code.
  float (*encode)(const float* x, int64_t d, int levels, float least_scale, int8_t* code,
                  double* rest2, double* norm2);

  // Codes that the code tile takes.
  CodeLimits row_codes, pick_codes;

  // out[c] = the product of code x, as the code tile takes rows, 128 more than the code, and code c
  // of those of d columns at y, for each bit c; d is a multiple of kPanel.
  void (*products)(const uint8_t* x, const int8_t* y, int64_t d, uint32_t bits, int32_t* out);

  CodeTile* code_tile;

  // The same for what is scanned of sketches, of which all products are one segment's.
  CodeTile* sketch_tile;

  // For n rows of d <= kBoxColumns values, value j of row r being values[j][r]: where a pick is
  // nearer than bound[r], canonically, that becomes the bound, and `number` nearest[r].
  void (*nearer)(const double* const* values, int64_t n, const double* pick, int64_t d,
                 int64_t number, double* bound, int64_t* nearest);

  // out[c] = the canonical squared distance of pick c of n, whose value j is picks[j][c], and the
  // box from `low` to `high`: none of a row in it is smaller, as it is computed.
  void (*box_distance2)(const double* const* picks, int64_t n, const double* low,
                        const double* high, int64_t d, double* out);

  // Of a cloud, in the loops below: value j of point or box i lies at [j * stride + i], d is at
  // most kBoxColumns, and n a multiple of kCloudStep.

  // bound[r] becomes the canonical squared distance of point r and the pick where that is smaller;
  // returns the largest of n bounds that are -1 or more.
  double (*lower)(const double* values, int64_t stride, int64_t n, const double* pick, int64_t d,
                  double* bound);

  // near[b] says, as 1 or 0, whether the pick is nearer to box b than largest[b], as box_distance2
  // computes it.
  void (*near_boxes)(const double* low, const double* high, int64_t stride, int64_t n,
                     const double* pick, int64_t d, const double* largest, double* near);
};

// The instruction sets this processor can run, worst first; null-terminated.
const Kernels* const* available_kernels();

}  // namespace pyuniform
