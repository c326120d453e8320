// The instruction sets that this processor has.
#include "simd/kernels.h"

#include <pybind11/pybind11.h>

#include "bindings/bindings.h"

namespace pyuniform::bindings {

namespace py = pybind11;

void bind_kernels(py::module_& m) {
  py::class_<Kernels>(m, "Kernels").def_property_readonly("name", [](const Kernels& kernels) {
    return kernels.name;
  });
  m.def("available_kernels", [] {
    py::list list;
    for (const Kernels* const* p = available_kernels(); *p; ++p)
      list.append(py::cast(*p, py::return_value_policy::reference));
    return list;
  });
}

}  // namespace pyuniform::bindings
