#include "bindings/rows.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/unlocked.h"
#include "picks/distances.h"
#include "rows/center_distances.h"
#include "rows/mapped_files.h"
#include "rows/row_reader.h"
#include "rows/scan.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {
namespace {

DType dtype_of(const std::string& name) {
  static const std::pair<const char*, DType> names[] = {
      {"float32", DType::f32}, {"float16", DType::f16}, {"bfloat16", DType::bf16},
      {"float64", DType::f64}, {"int8", DType::i8},     {"uint8", DType::u8}};
  for (const auto& [known, dtype] : names)
    if (name == known) return dtype;
  throw std::invalid_argument("unsupported dtype " + name);
}

py::tuple scan(const Rows& rows, int64_t begin, int64_t end, int threads,
               std::optional<Array<double>> norms, int64_t first) {
  double* out = norms ? norms->mutable_data() : nullptr;
  ScanResult result;
  {
    Unlocked unlocked;
    result = scan_rows(rows.kernels, rows.matrix, begin, end, first, threads, out);
  }
  check_file(rows.matrix);
  return py::make_tuple(result.max_abs, result.first_nonfinite, result.fingerprint);
}

py::array_t<uint64_t> row_fingerprints(const Rows& rows, int64_t begin, int64_t end, int threads) {
  py::array_t<uint64_t> out(end - begin);
  uint64_t* values = out.mutable_data();
  {
    Unlocked unlocked;
    fingerprint_rows(rows.kernels, rows.matrix, begin, end, threads, values);
  }
  check_file(rows.matrix);
  return out;
}

py::array_t<double> find_center_distances(const Rows& rows, const Array<double>& center,
                                          int exponent, int64_t begin, int64_t end, int threads) {
  const Frame frame = make_frame(rows, center, exponent);
  py::array_t<double> out(end - begin);
  const double* middle = center.data();
  double* distance2 = out.mutable_data();
  {
    Unlocked unlocked;
    center_distances(rows.kernels, rows.matrix, frame, middle, begin, end, threads, distance2);
  }
  check_file(rows.matrix);
  return out;
}

py::array_t<double> distances(const Rows& rows, const Array<double>& vector, int64_t begin,
                              int64_t end, int threads) {
  if (vector.size() != padded(rows.matrix.d)) throw std::invalid_argument("not a canonical row");
  py::array_t<double> out(end - begin);
  const double* values = vector.data();
  double* squared = out.mutable_data();
  {
    Unlocked unlocked;
    distances_to(rows.kernels, rows.matrix, begin, end, values, threads, squared);
  }
  check_file(rows.matrix);
  return out;
}

}  // namespace

Rows::Rows(const Kernels& kernels, const py::array& data, const std::string& dtype)
    : Rows(kernels, data.shape(0), data.ndim() == 2 ? data.shape(1) : -1, dtype, false) {
  hold(data, 0);
}

Rows::Rows(const Kernels& kernels, int64_t n, int64_t d, const std::string& dtype, bool unit)
    : kernels(kernels), matrix{n, d, dtype_of(dtype), unit, nullptr, nullptr, 0, 0, 0} {}

void Rows::set_norms(Array<double> norms) {
  if (norms.size() != matrix.n) throw std::invalid_argument("one norm a row");
  norms_ = std::move(norms);
  matrix.norm = norms_.data();
  matrix.unit = true;
}

void Rows::hold(py::array data, int64_t first) {
  if (data.ndim() != 2 || data.shape(1) != matrix.d)
    throw std::invalid_argument("rows must be two-dimensional, of one width");
  if (data.shape(1) > 1 && data.strides(1) != data.itemsize())
    throw std::invalid_argument("the values of a row must be contiguous");
  if (data.itemsize() != item_size(matrix.dtype) || first < 0 || first + data.shape(0) > matrix.n)
    throw std::invalid_argument("rows of another matrix");
  data_ = std::move(data);
  matrix.data = static_cast<const char*>(data_.data());
  matrix.row_stride = data_.strides(0);
  matrix.first = first;
  matrix.held = data_.shape(0);
}

void Rows::let_pass(Array<bool> lenient) {
  if (lenient.size() != matrix.n) throw std::invalid_argument("one flag a row");
  lenient_ = std::move(lenient);
  blank_ = py::array_t<bool>(matrix.n);
  std::fill_n(blank_.mutable_data(), matrix.n, false);
  zeros_.assign(matrix.d * item_size(matrix.dtype), '\0');
  matrix.lenient = lenient_.data();
  matrix.blank = blank_.mutable_data();
  matrix.zeros = zeros_.data();
}

py::object Rows::blank() const { return matrix.blank ? py::object(blank_) : py::none(); }

void Rows::read_from(const std::vector<std::tuple<int64_t, int, int64_t, int64_t>>& parts) {
  parts_.clear();
  for (const auto& [first, file, begin, stride] : parts)
    parts_.push_back({first, file, begin, stride});
  if (parts_.empty() || parts_[0].first != 0) throw std::invalid_argument("parts begin with row 0");
  matrix.parts = parts_.data();
  matrix.part_count = static_cast<int64_t>(parts_.size());
  matrix.held = 0;
  data_ = py::array();
}

py::array_t<double> Rows::canonical(const Array<int64_t>& rows) const {
  const int64_t count = rows.size(), width = padded(matrix.d);
  py::array_t<double> out({count, width});
  const int64_t* row = rows.data();
  double* values = out.mutable_data();
  {
    Unlocked unlocked;
    RowReader reader(matrix, kernels);
    for (int64_t p = 0; p < count; ++p) reader.canonical(row[p], values + p * width);
  }
  check_file(matrix);
  return out;
}

void check_file(const Matrix& matrix) {
  if (matrix.file_failed || mapped_cut()) {
    PyErr_SetString(PyExc_OSError, "the file of the rows could not be read: it has become shorter");
    throw py::error_already_set();
  }
}

Frame make_frame(const Rows& rows, const Array<double>& center, int exponent) {
  if (center.size() != rows.matrix.d) throw std::invalid_argument("one center value a column");
  return Frame(center.data(), rows.matrix.d, exponent, rows.matrix.unit);
}

void bind_rows(py::module_& m) {
  py::class_<Rows>(m, "Rows")
      .def(py::init<const Kernels&, const py::array&, const std::string&>())
      .def(py::init<const Kernels&, int64_t, int64_t, const std::string&, bool>())
      .def("set_norms", &Rows::set_norms)
      .def("hold", &Rows::hold)
      .def("let_pass", &Rows::let_pass)
      .def("blank", &Rows::blank)
      .def("read_from", &Rows::read_from)
      .def("canonical", &Rows::canonical);
  m.def("scan", &scan, py::arg("rows"), py::arg("begin"), py::arg("end"), py::arg("threads"),
        py::arg("norms") = std::nullopt, py::arg("first") = 0);
  m.def("row_fingerprints", &row_fingerprints);
  m.def("center_distances", &find_center_distances);
  m.def("distances_to", &distances, py::arg("rows"), py::arg("vector"), py::arg("begin"),
        py::arg("end"), py::arg("threads"));
}

}  // namespace pyuniform::bindings
