// The table of an instruction set, from its class of loops (portable.h) and its tiles.
//
// Each isa_*.cpp includes these loops and compiles them with its own flags. All of them are in
// anonymous namespaces: if two builds of a loop shared a symbol, the linker would keep one of them
// for all, perhaps one that the processor cannot run.
#pragma once

#include "simd/kernels.h"
#include "simd/loops/boxes.h"
#include "simd/loops/clouds.h"
#include "simd/loops/codes.h"
#include "simd/loops/portable.h"
#include "simd/loops/values.h"

namespace pyuniform {
namespace {

// How an instruction set multiplies float32 rows and picks.
struct FloatTile {
  int rows, panel_width;
  decltype(Kernels::tile) tile;
};

// How it multiplies codes.
struct CodeTiles {
  CodeLimits row_codes, pick_codes;
  CodeTile *code_tile, *sketch_tile;
};

// A constant: nothing runs when the core is loaded, on a processor that may lack the instructions.
template <typename Loops>
constexpr Kernels kernels_of(const char* name, FloatTile floats, CodeTiles codes) {
  return {name,
          floats.rows,
          widen<Loops>,
          largest<Loops>,
          Loops::sum_words,
          Loops::which_above,
          pack<Loops>,
          Loops::template distance2<double>,
          Loops::template distance2<float>,
          floats.panel_width,
          floats.tile,
          segment_norm,
          encode,
          codes.row_codes,
          codes.pick_codes,
          products<Loops>,
          codes.code_tile,
          codes.sketch_tile,
          nearer,
          box_distance2,
          lower,
          near_boxes};
}

}  // namespace
}  // namespace pyuniform
