// The Python module pyuniform._core.
#include <pybind11/pybind11.h>

#include "bindings/bindings.h"
#include "codes/code.h"
#include "core/thread_pool.h"
#include "pack/cells.h"
#include "rows/frame.h"
#include "rows/mapped_files.h"
#include "simd/kernels.h"

namespace py = pybind11;

PYBIND11_MODULE(_core, m) {
  using namespace pyuniform;
  m.doc() = "The C++ core of pyuniform; see docs/development/core.md.";
  bindings::bind_kernels(m);
  bindings::bind_rows(m);
  bindings::bind_shard(m);
  bindings::bind_pool(m);
  bindings::bind_packing(m);
  bindings::bind_closest_pair(m);
  bindings::bind_clouds(m);
  bindings::bind_near_rows(m);
  m.def("frame_exponent", &frame_exponent);
  m.def("guard_mapped", &guard_mapped);
  m.def("release_mapped", &release_mapped);
  m.attr("MOST_CODE_COLUMNS") = kMostCodeColumns;
  m.attr("MOST_BOX_COLUMNS") = kBoxColumns;
  m.attr("MOST_CELL_COLUMNS") = kCellColumns;
  m.attr("MOST_THREADS") = kMostThreads;
}
