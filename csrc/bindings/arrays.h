// NumPy arrays as the bindings take them: of one type, contiguous.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

namespace pyuniform::bindings {

namespace py = pybind11;

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

}  // namespace pyuniform::bindings
