#include "pack/packing.h"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/rows.h"
#include "bindings/unlocked.h"
#include "codes/code.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {
namespace {

std::unique_ptr<Packing> make_packing(const Rows& rows, const Rows& sample,
                                      const Array<double>& center, int exponent, int threads,
                                      bool codes, const std::optional<Array<float>>& axes,
                                      bool cells, double within2, int64_t places) {
  const int64_t d = rows.matrix.d;
  if (codes && d > kMostCodeColumns) throw std::invalid_argument("too many columns for codes");
  if (center.size() != d) throw std::invalid_argument("one center value a column");
  if (axes && (!codes || axes->ndim() != 2 || axes->shape(0) == 0 || axes->shape(1) != d))
    throw std::invalid_argument("axes are rows of d values, and want codes");
  if (cells && (codes || d > kCellColumns))
    throw std::invalid_argument("cells want few columns, and no codes");
  const double* middle = center.data();
  const float* axis = axes ? axes->data() : nullptr;
  const int64_t p = axes ? axes->shape(0) : 0;
  std::unique_ptr<Packing> made;
  {
    Unlocked unlocked;
    auto prefix = axis ? std::make_unique<Prefix>(rows.kernels, axis, p, d) : nullptr;
    made = std::make_unique<Packing>(rows.kernels, rows.matrix, sample.matrix, middle, exponent,
                                     threads, codes, std::move(prefix), cells, within2, places);
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

// What `tell` writes of the block's rows.
template <typename Tell>
py::tuple of_block(Packing& packing, Tell tell) {
  py::array_t<int32_t> by(packing.size());
  py::array_t<double> distance2(packing.size());
  int32_t* by_out = by.mutable_data();
  double* distance2_out = distance2.mutable_data();
  {
    Unlocked unlocked;
    tell(by_out, distance2_out);
  }
  check_file(packing.matrix());
  return py::make_tuple(by, distance2);
}

py::tuple settle(Packing& packing, int64_t most) {
  return of_block(packing,
                  [&](int32_t* by, double* distance2) { packing.settle(most, by, distance2); });
}

py::tuple found(Packing& packing) {
  return of_block(packing, [&](int32_t* by, double* distance2) { packing.found(by, distance2); });
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
           py::arg("axes"), py::arg("cells"), py::arg("within2"), py::arg("places"))
      .def("add_anchors",
           [](Packing& packing, const Array<double>& values) {
             packing.add_anchors(values.data(), values.shape(0));
           })
      .def("add_rows",
           [](Packing& packing, const Array<int64_t>& rows) {
             const int64_t *row = rows.data(), count = rows.size();
             {
               Unlocked unlocked;
               packing.add_rows(row, count);
             }
             check_file(packing.matrix());
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
      .def("found", &found)
      .def("stats", &stats);
}

}  // namespace pyuniform::bindings
