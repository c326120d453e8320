#include "shard/shard.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/rows.h"
#include "bindings/unlocked.h"
#include "codes/code.h"
#include "shard/make_shard.h"

namespace pyuniform::bindings {
namespace {

using NoGil = py::call_guard<Unlocked>;

// What a filter needs beside the rows; throws if that does not go together.
void check(const Rows& rows, const std::string& filter, const std::optional<Array<float>>& axes,
           int64_t scanned, const Rows* sample) {
  const int64_t d = rows.matrix.d;
  if (filter != "float32" && filter != "int8" && filter != "boxes")
    throw std::invalid_argument("no filter is called " + filter);
  if (filter == "int8" && d > kMostCodeColumns)
    throw std::invalid_argument("too many columns for codes");
  if (axes && (axes->ndim() != 2 || axes->shape(1) != d || axes->shape(0) % kPanel ||
               scanned < kPanel || scanned % kPanel || scanned > axes->shape(0) ||
               scanned > kMostScannedColumns || axes->shape(0) - scanned > kMostOtherColumns))
    throw std::invalid_argument("axes are rows: 32, 64 or 96 are scanned, up to 96 are not");
  if (sample && (filter != "int8" || axes))
    throw std::invalid_argument("rows on disk want codes and no axes");
  if (filter == "boxes" && (axes || d > kBoxColumns))
    throw std::invalid_argument("boxes want few columns and no axes");
}

std::unique_ptr<Shard> make_shard(const Rows& rows, const Array<double>& center, int exponent,
                                  int threads, const std::string& filter,
                                  std::optional<Array<float>> axes, int64_t scanned,
                                  const Rows* sample) {
  if (center.size() != rows.matrix.d) throw std::invalid_argument("one center value a column");
  check(rows, filter, axes, scanned, sample);
  const ShardRows all = {rows.matrix, rows.kernels, center.data(), exponent, threads};
  const SketchAxes given = axes ? SketchAxes{axes->data(), axes->shape(0), scanned} : SketchAxes{};
  const SketchAxes* const sketched = axes ? &given : nullptr;
  std::unique_ptr<Shard> made;
  {
    Unlocked unlocked;
    if (sample)
      made = make_disk_shard(all, sample->matrix);
    else if (filter == "boxes")
      made = make_box_shard(all);
    else if (filter == "int8")
      made = make_code_shard(all, sketched);
    else
      made = make_float_shard(all, sketched);
  }
  check_file(sample ? sample->matrix : rows.matrix);
  return made;
}

py::tuple shard_candidates(Shard& shard, double rho, int64_t limit) {
  limit = std::min(limit, shard.size());
  py::array_t<int64_t> rows(limit);
  int64_t* out = rows.mutable_data();
  Outside outside;
  int64_t count;
  {
    Unlocked unlocked;
    count = shard.candidates(rho, limit, out, &outside);
  }
  check_file(shard.matrix());
  rows.resize({count});
  return py::make_tuple(rows, outside.score, outside.index);
}

py::tuple shard_read(Shard& shard, const Array<int64_t>& rows, bool with_values) {
  const int64_t count = rows.size();
  const int64_t width = padded(shard.columns());
  py::array_t<double> values({with_values ? count : 0, width}), distance2(count);
  py::array_t<int32_t> nearest(count);
  double *v = with_values ? values.mutable_data() : nullptr, *d2 = distance2.mutable_data();
  int32_t* near = nearest.mutable_data();
  const int64_t* r = rows.data();
  {
    Unlocked unlocked;
    shard.read(r, count, v, d2, near);
  }
  check_file(shard.matrix());
  return py::make_tuple(values, distance2, nearest);
}

void shard_write(Shard& shard, const Array<int64_t>& rows, const Array<double>& distance2,
                 const Array<int32_t>& nearest, const Array<int32_t>& seen) {
  const int64_t *row = rows.data(), count = rows.size();
  const double* d2 = distance2.data();
  const int32_t *near = nearest.data(), *met = seen.data();
  Unlocked unlocked;
  shard.write(row, count, d2, near, met);
}

void shard_settle(Shard& shard, const Array<int64_t>& rows) {
  const int64_t *row = rows.data(), count = rows.size();
  {
    Unlocked unlocked;
    shard.settle(row, count);
  }
  check_file(shard.matrix());
}

void shard_start_from(Shard& shard, const Array<int32_t>& nearest, const Array<int32_t>& seen,
                      const Array<int32_t>& scanned) {
  if (nearest.size() != shard.size() || seen.size() != shard.size() ||
      scanned.size() != shard.size())
    throw std::invalid_argument("one number a row");
  const int32_t *near = nearest.data(), *met = seen.data(), *looked = scanned.data();
  Unlocked unlocked;
  shard.start_from(near, met, looked);
}

int64_t shard_first_unsound(Shard& shard, const Array<bool>& picked, int64_t begin, int64_t end) {
  if (picked.size() != shard.size() || begin < 0 || end > shard.size())
    throw std::invalid_argument("one flag a row");
  const bool* flags = picked.data();
  int64_t row;
  {
    Unlocked unlocked;
    row = shard.first_unsound(flags, begin, end);
  }
  check_file(shard.matrix());
  return row;
}

// The state of the rows, by name: views that can be written to, of the kinds that are kept.
py::dict shard_state(py::object self) {
  Shard& shard = self.cast<Shard&>();
  {
    Unlocked unlocked;
    shard.update_state();
  }
  py::dict out;
  shard.each_state([&](const char* name, auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    out[name] = py::array_t<T>({static_cast<py::ssize_t>(values.size())}, values.data(), self);
  });
  return out;
}

py::dict shard_stats(const Shard& shard) {
  const ShardStats& s = shard.stats();
  py::dict out;
  out["filter_pairs"] = s.filter_pairs;
  out["sketch_pairs"] = s.sketch_pairs;
  out["exact_pairs"] = s.exact_pairs;
  out["sketch_multiply_adds"] = s.sketch_madds;
  out["int8_multiply_adds"] = s.int8_madds;
  out["float32_multiply_adds"] = s.float32_madds;
  out["float64_multiply_adds"] = s.float64_madds;
  out["relaxed_rows"] = s.relaxed;
  out["reactivated_rows"] = s.reactivated;
  out["witnessed_rows"] = s.witnessed;
  out["parked_rows"] = s.parked;
  out["decided_pairs"] = s.decided;
  out["rescanned_rows"] = s.rescanned;
  return out;
}

}  // namespace

void bind_shard(py::module_& m) {
  py::class_<Shard>(m, "Shard")
      .def(py::init(&make_shard), py::keep_alive<1, 2>(), py::arg("rows"), py::arg("center"),
           py::arg("exponent"), py::arg("threads"), py::arg("filter"),
           py::arg("axes") = std::nullopt, py::arg("scanned") = 0, py::arg("sample") = nullptr)
      .def("drop_codes", &Shard::drop_codes, NoGil())
      .def("drop_sketches", &Shard::drop_sketches, NoGil())
      .def("add_picks",
           [](Shard& shard, const Array<int64_t>& rows, const Array<double>& values) {
             const int64_t *row = rows.data(), count = rows.size();
             const double* value = values.data();
             Unlocked unlocked;
             shard.add_picks(row, value, count);
           })
      .def(
          "set_scores",
          [](Shard& shard, std::optional<Array<double>> factor, double floor2) {
            if (factor && factor->size() != shard.size())
              throw std::invalid_argument("one factor a row");
            shard.set_scores(factor ? factor->data() : nullptr, floor2);
          },
          // The shard looks at the caller's own array.
          py::keep_alive<1, 2>())
      .def("take_in", &Shard::take_in, NoGil())
      .def("start_from", &shard_start_from)
      .def("first_unsound", &shard_first_unsound)
      .def("state", &shard_state)
      .def("threshold", &Shard::threshold, NoGil())
      .def("relax",
           [](Shard& shard, double rho, double aim, int64_t chunk, double budget) {
             bool done;
             {
               Unlocked unlocked;
               done = shard.relax(rho, aim, chunk, budget);
             }
             check_file(shard.matrix());
             return done;
           })
      .def("candidates", &shard_candidates)
      .def("read", &shard_read)
      .def("settle", &shard_settle)
      .def("write", &shard_write)
      .def("stats", &shard_stats);
}

}  // namespace pyuniform::bindings
