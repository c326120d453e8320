#include "pack/packing.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <stdexcept>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/rows.h"
#include "bindings/unlocked.h"
#include "codes/codes.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {
namespace {

std::unique_ptr<Packing> make_packing(const Rows& rows, const Rows& sample,
                                      const Array<double>& center, int exponent, int threads,
                                      bool codes, double within2, int64_t places) {
  if (codes && rows.matrix.d > kMostCodeColumns)
    throw std::invalid_argument("too many columns for codes");
  if (center.size() != rows.matrix.d) throw std::invalid_argument("one center value a column");
  const double* middle = center.data();
  std::unique_ptr<Packing> made;
  {
    Unlocked unlocked;
    made = std::make_unique<Packing>(rows.kernels, rows.matrix, sample.matrix, middle, exponent,
                                     threads, codes, within2, places);
  }
  check_file(sample.matrix);
  return made;
}

bool scan(Packing& packing, double budget) {
  bool done;
  {
    Unlocked unlocked;
    done = packing.scan(budget);
  }
  check_file(packing.matrix());
  return done;
}

py::tuple settle(Packing& packing, int64_t most) {
  py::array_t<int32_t> by(packing.size());
  py::array_t<double> distance2(packing.size());
  int32_t* by_out = by.mutable_data();
  double* distance2_out = distance2.mutable_data();
  {
    Unlocked unlocked;
    packing.settle(most, by_out, distance2_out);
  }
  check_file(packing.matrix());
  return py::make_tuple(by, distance2);
}

py::dict stats(const Packing& packing) {
  const PackingStats& s = packing.stats();
  py::dict out;
  out["filter_pairs"] = s.filter_pairs;
  out["exact_pairs"] = s.exact_pairs;
  out["filter_multiply_adds"] = s.filter_madds;
  return out;
}

}  // namespace

void bind_packing(py::module_& m) {
  py::class_<Packing>(m, "Packing")
      .def(py::init(&make_packing), py::keep_alive<1, 2>(), py::arg("rows"), py::arg("sample"),
           py::arg("center"), py::arg("exponent"), py::arg("threads"), py::arg("codes"),
           py::arg("within2"), py::arg("places"))
      .def("add_anchors",
           [](Packing& packing, const Array<double>& values) {
             packing.add_anchors(values.data(), values.shape(0));
           })
      .def("set_quotas",
           [](Packing& packing, const Array<int64_t>& left) {
             packing.set_quotas(left.data(), left.size());
           })
      .def(
          "start",
          [](Packing& packing, const Array<int64_t>& rows, std::optional<Array<int32_t>> group) {
            packing.start(rows.data(), rows.size(), group ? group->data() : nullptr);
          },
          py::arg("rows"), py::arg("group") = std::nullopt)
      .def("scan", &scan)
      .def("settle", &settle)
      .def("stats", &stats);
}

}  // namespace pyuniform::bindings
