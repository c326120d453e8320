// Instruction sets.
#include "simd/kernels.h"

#include <pybind11/pybind11.h>

#include "bindings/bindings.h"

namespace pyuniform::bindings {

namespace py = pybind11;

void bind_kernels(py::module_& m) {
  m.def("instruction_sets", [] {
    py::list names;
    for (const Kernels* const* p = available_kernels(); *p; ++p) names.append((*p)->name);
    return names;
  });
  m.def("active_instruction_set", [] { return active_kernels().name; });
  m.def("select_instruction_set", &select_kernels);
}

}  // namespace pyuniform::bindings
