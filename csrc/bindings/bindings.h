// The parts of the Python module, a file each.
//
// Only these files see Python. Arrays come in as NumPy arrays that the Python side has checked.
// Every call that works on rows releases the GIL and returns within a second or so. Two calls at a
// time may work on the same Rows, but not on the same Shard, and not while either is changed.
#pragma once

#include <pybind11/pybind11.h>

namespace pyuniform::bindings {

void bind_kernels(pybind11::module_& m);
void bind_rows(pybind11::module_& m);
void bind_shard(pybind11::module_& m);
void bind_pool(pybind11::module_& m);
void bind_packing(pybind11::module_& m);
void bind_closest_pair(pybind11::module_& m);
void bind_clouds(pybind11::module_& m);
void bind_near_rows(pybind11::module_& m);

}  // namespace pyuniform::bindings
