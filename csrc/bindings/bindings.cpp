// The only file that sees Python, with unlocked.h. Arrays come in as NumPy arrays that the Python
// side has checked. Every call that works on rows, but for those for tests, releases the GIL and
// returns within a second or so. Two calls at a time may work on the same Rows, but not on the same
// Shard, and not while either is changed.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/unlocked.h"
#include "core/thread_pool.h"
#include "picks/panels.h"
#include "pool/closest_pair.h"
#include "pool/pool.h"
#include "rows/frame.h"
#include "rows/mapped_files.h"
#include "rows/row_reader.h"
#include "rows/scan.h"
#include "shard/shard.h"
#include "simd/kernels.h"

namespace py = pybind11;
using namespace pyuniform;

namespace {

template <typename T>
using Array = py::array_t<T, py::array::c_style>;

using NoGil = py::call_guard<Unlocked>;

DType dtype_of(const std::string& name) {
  static const std::pair<const char*, DType> names[] = {
      {"float32", DType::f32}, {"float16", DType::f16}, {"bfloat16", DType::bf16},
      {"float64", DType::f64}, {"int8", DType::i8},     {"uint8", DType::u8}};
  for (const auto& [known, dtype] : names)
    if (name == known) return dtype;
  throw std::invalid_argument("unsupported dtype " + name);
}

// Throws if one of the rows could not be read from its file, now or in an earlier call.
void check_file(const Matrix& matrix) {
  if (matrix.file_failed || mapped_cut()) {
    PyErr_SetString(PyExc_OSError, "the file of the rows could not be read: it has become shorter");
    throw py::error_already_set();
  }
}

// A Matrix that keeps its arrays alive.
class Rows {
 public:
  // Rows in memory.
  Rows(const py::array& data, const std::string& dtype)
      : Rows(data.shape(0), data.ndim() == 2 ? data.shape(1) : -1, dtype, false) {
    hold(data, 0);
  }

  // Rows of which none is in memory yet; `unit` rows are divided by their norms.
  Rows(int64_t n, int64_t d, const std::string& dtype, bool unit)
      : matrix{n, d, dtype_of(dtype), unit, nullptr, nullptr, 0, 0, 0} {}

  void set_norms(Array<double> norms) {
    if (norms.size() != matrix.n) throw std::invalid_argument("one norm a row");
    norms_ = std::move(norms);
    matrix.norm = norms_.data();
    matrix.unit = true;
  }

  // From here on these rows, the first of which is row `first`, are the ones in memory.
  void hold(py::array data, int64_t first) {
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

  // These rows may hold anything: they are never picked. Those of which that is found, here or by
  // whoever writes to `blank()`, are read as zeros.
  void let_pass(Array<bool> lenient) {
    if (lenient.size() != matrix.n) throw std::invalid_argument("one flag a row");
    lenient_ = std::move(lenient);
    blank_ = py::array_t<bool>(matrix.n);
    std::fill_n(blank_.mutable_data(), matrix.n, false);
    zeros_.assign(matrix.d * item_size(matrix.dtype), '\0');
    matrix.lenient = lenient_.data();
    matrix.blank = blank_.mutable_data();
    matrix.zeros = zeros_.data();
  }

  py::object blank() const { return matrix.blank ? py::object(blank_) : py::none(); }

  // From here on rows are read from files: (first row, open file, where it begins, stride) a part.
  void read_from(const std::vector<std::tuple<int64_t, int, int64_t, int64_t>>& parts) {
    parts_.clear();
    for (const auto& [first, file, begin, stride] : parts)
      parts_.push_back({first, file, begin, stride});
    if (parts_.empty() || parts_[0].first != 0)
      throw std::invalid_argument("parts begin with row 0");
    matrix.parts = parts_.data();
    matrix.part_count = static_cast<int64_t>(parts_.size());
    matrix.held = 0;
    data_ = py::array();
  }

  // Canonical values of some rows, zero-padded.
  py::array_t<double> canonical(Array<int64_t> rows) const;

  Matrix matrix;

 private:
  py::array data_;
  Array<double> norms_;
  Array<bool> lenient_, blank_;
  std::vector<char> zeros_;
  std::vector<FilePart> parts_;
};

py::array_t<double> Rows::canonical(Array<int64_t> rows) const {
  const int64_t count = rows.size(), width = padded(matrix.d);
  py::array_t<double> out({count, width});
  const int64_t* row = rows.data();
  double* values = out.mutable_data();
  {
    Unlocked unlocked;
    RowReader reader(matrix, active_kernels());
    for (int64_t p = 0; p < count; ++p) reader.canonical(row[p], values + p * width);
  }
  check_file(matrix);
  return out;
}

py::tuple scan(const Rows& rows, int64_t begin, int64_t end, int threads,
               std::optional<Array<double>> norms, int64_t first) {
  double* out = norms ? norms->mutable_data() : nullptr;
  ScanResult result;
  {
    Unlocked unlocked;
    result = scan_rows(active_kernels(), rows.matrix, begin, end, first, threads, out);
  }
  check_file(rows.matrix);
  return py::make_tuple(result.max_abs, result.first_nonfinite, result.fingerprint);
}

Frame make_frame(const Rows& rows, const Array<double>& center, int exponent) {
  if (center.size() != rows.matrix.d) throw std::invalid_argument("one center value a column");
  return Frame(center.data(), rows.matrix.d, exponent, rows.matrix.unit);
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

// What is known of the rows, by name: views that can be written to, of the kinds that are kept.
py::dict shard_state(py::object self) {
  Shard& shard = self.cast<Shard&>();
  {
    Unlocked unlocked;
    shard.bound();  // takes together what is known of the rows
  }
  py::dict out;
  auto add = [&](const char* name, auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    if (!values.empty())
      out[name] = py::array_t<T>({static_cast<py::ssize_t>(values.size())}, values.data(), self);
  };
  add("bound", shard.bound());
  add("second", shard.second());
  add("nearest", shard.nearest());
  add("seen", shard.seen());
  add("scanned", shard.scanned());
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

py::tuple pool_greedy(const Array<double>& values, const Array<int64_t>& index,
                      Array<double> distance2, Array<int32_t> nearest, Array<int32_t> seen,
                      double outside_score, int64_t outside_index, int64_t limit, int threads,
                      std::optional<Array<double>> factor, double floor2,
                      std::optional<Array<int32_t>> group, std::optional<Array<int64_t>> left) {
  const int64_t size = index.size();
  limit = std::min(limit, size);
  py::array_t<int64_t> picked(limit);
  py::array_t<double> picked2(limit);
  const Pool pool = {values.data(),
                     values.shape(1),
                     size,
                     index.data(),
                     distance2.mutable_data(),
                     nearest.mutable_data(),
                     seen.mutable_data(),
                     factor ? factor->data() : nullptr,
                     floor2,
                     group ? group->data() : nullptr,
                     left ? left->mutable_data() : nullptr};
  int64_t *slots = picked.mutable_data(), count;
  double* radii2 = picked2.mutable_data();
  PoolStats stats;
  {
    Unlocked unlocked;
    count = greedy_pool(active_kernels(), pool, {outside_score, outside_index}, limit, threads,
                        slots, radii2, &stats);
  }
  picked.resize({count});
  picked2.resize({count});
  return py::make_tuple(picked, picked2, stats.filter_pairs, stats.exact_pairs);
}

py::tuple find_closest_pair(const Rows& rows, const Array<double>& center, int exponent,
                            int64_t begin, int64_t end, int64_t columns_begin, int64_t columns_end,
                            int threads, double distance2, int64_t first, int64_t second) {
  const Frame frame = make_frame(rows, center, exponent);
  ClosestPair best = {distance2, first, second};
  {
    Unlocked unlocked;
    closest_pair(active_kernels(), rows.matrix, frame, begin, end, columns_begin, columns_end,
                 threads, &best);
  }
  check_file(rows.matrix);
  return py::make_tuple(best.distance2, best.first, best.second);
}

// For the tests of the error bounds: of all pairs of rows the lower bound, the canonical distance,
// the upper bound, and the slack.
py::tuple pair_bounds(const Rows& rows, const Array<double>& center, int exponent) {
  const Kernels& kernels = active_kernels();
  const Matrix& matrix = rows.matrix;
  const Frame frame = make_frame(rows, center, exponent);
  const int64_t n = matrix.n, d = matrix.d, width = padded(d);
  py::array_t<double> lower({n, n}), exact({n, n}), upper({n, n}), slack({n, n});
  RowReader reader(matrix, kernels);
  RowBlock packed(n, d, kernels.tile_rows);
  Panels panels(kernels, d);
  std::vector<double> x(n * width), norm2(n);
  for (int64_t i = 0; i < n; ++i) {
    reader.canonical(i, &x[i * width]);
    norm2[i] = reader.pack(i, frame, packed.row(i));
    panels.append(frame, packed.row(i), norm2[i]);
  }
  const std::vector<float> limit(kernels.tile_rows);
  std::vector<float> high(kernels.tile_rows * kPanel), low(high.size());
  std::vector<uint32_t> below(kernels.tile_rows);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      if (j % kPanel == 0) {
        const Panel& panel = panels[j / kPanel];
        for (auto [half, value] : {std::pair{panel.half_upper, &high}, {panel.half_lower, &low}})
          kernels.tile(packed.row(i), packed.stride, 1, panel.values.get(), half, d, limit.data(),
                       value->data(), below.data(), nullptr);
      }
      const double distance2 = kernels.distance2(&x[i * width], &x[j * width], width);
      *exact.mutable_data(i, j) = distance2;
      *upper.mutable_data(i, j) =
          frame.unit2 * (frame.row_upper(norm2[i]) + 2.0 * high[j % kPanel]);
      *lower.mutable_data(i, j) = frame.unit2 * (frame.row_lower(norm2[i]) + 2.0 * low[j % kPanel]);
      *slack.mutable_data(i, j) = frame.unit2 * frame.slack(norm2[i], frame.in_units(distance2));
    }
  }
  return py::make_tuple(lower, exact, upper, slack);
}

// For the tests of the int8 filter: of all pairs of rows, whether codes cannot exclude that the
// second lies within distance2 of the first, and an upper bound of their squared distance;
// `balance` is CodeBounds' s.
py::tuple code_flags(const Rows& rows, const Array<double>& center, int exponent,
                     const Array<double>& distance2, double balance) {
  const Kernels& kernels = active_kernels();
  const Matrix& matrix = rows.matrix;
  const Frame frame = make_frame(rows, center, exponent);
  const CodeBounds bounds = CodeBounds::balanced(balance, 1);
  const int64_t n = matrix.n, d = matrix.d;
  if (distance2.size() != n) throw std::invalid_argument("one squared distance a row");
  RowReader reader(matrix, kernels);
  std::vector<float> packed(d);
  std::vector<int8_t> code(d);
  std::vector<Code> picks;
  Codes codes;
  codes.resize(n, d);
  CodePanels panels(Codes::padded_columns(d));
  for (int64_t i = 0; i < n; ++i) {
    const double norm2 = reader.pack(i, frame, packed.data());
    codes.set(i,
              encode_row(kernels, frame, packed.data(), norm2, d, kernels.row_codes, code.data()),
              code.data(), d);
    const Code pick =
        encode_row(kernels, frame, packed.data(), norm2, d, kernels.pick_codes, code.data());
    panels.append(code.data(), d, pick.scale, bounds.half(pick));
    picks.push_back(pick);
  }
  py::array_t<bool> out({n, n});
  py::array_t<double> upper({n, n});
  CodeRows row(kernels, kernels.code_tile, codes.columns(), 1);
  std::vector<float> value(kernels.tile_rows * kPanel);
  std::vector<uint32_t> flags(kernels.tile_rows);
  for (int64_t i = 0; i < n; ++i) {
    row.load(0, codes, i);
    row.limit[0] = bounds.limit(codes[i], frame.in_units(distance2.at(i)));
    for (int64_t j = 0; j < n; ++j) {
      if (j % kPanel == 0) row.scan(0, 1, panels[j / kPanel], value.data(), flags.data());
      const int64_t c = j % kPanel;
      *out.mutable_data(i, j) = flags[0] >> c & 1;
      *upper.mutable_data(i, j) =
          bounds.upper2(codes[i], picks[j], panels[j / kPanel].half[c], value[c]) * frame.unit2;
    }
  }
  return py::make_tuple(out, upper);
}

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ core of pyuniform; see csrc/core.h.";

  m.def("instruction_sets", [] {
    py::list names;
    for (const Kernels* const* p = available_kernels(); *p; ++p) names.append((*p)->name);
    return names;
  });
  m.def("active_instruction_set", [] { return active_kernels().name; });
  m.def("select_instruction_set", &select_kernels);

  py::class_<Rows>(m, "Rows")
      .def(py::init<const py::array&, const std::string&>())
      .def(py::init<int64_t, int64_t, const std::string&, bool>())
      .def("set_norms", &Rows::set_norms)
      .def("hold", &Rows::hold)
      .def("let_pass", &Rows::let_pass)
      .def("blank", &Rows::blank)
      .def("read_from", &Rows::read_from)
      .def("canonical", &Rows::canonical);
  m.def("scan", &scan, py::arg("rows"), py::arg("begin"), py::arg("end"), py::arg("threads"),
        py::arg("norms") = std::nullopt, py::arg("first") = 0);

  py::class_<Shard>(m, "Shard")
      .def(py::init([](const Rows& rows, const Array<double>& center, int exponent, int threads,
                       bool codes, std::optional<Array<float>> axes, int64_t scanned, bool far,
                       const Rows* sample, bool boxes) {
             const int64_t d = rows.matrix.d;
             if (center.size() != d) throw std::invalid_argument("one center value a column");
             if (codes && d > kMostCodeColumns)
               throw std::invalid_argument("too many columns for codes");
             if (axes &&
                 (axes->ndim() != 2 || axes->shape(1) != d || axes->shape(0) % kPanel ||
                  scanned < kPanel || scanned % kPanel || scanned > axes->shape(0) ||
                  scanned > kMostScannedColumns || axes->shape(0) - scanned > kMostOtherColumns))
               throw std::invalid_argument(
                   "axes are rows: 32, 64 or 96 are scanned, up to 96 are not");
             if (far && (!codes || axes))
               throw std::invalid_argument("far rows want codes and no axes");
             if (boxes && (codes || axes || far || d > kBoxColumns))
               throw std::invalid_argument("boxes want few columns, no codes and no axes");
             const Matrix& looked_at = sample ? sample->matrix : rows.matrix;
             const double* middle = center.data();
             const float* axis = axes ? axes->data() : nullptr;
             const int64_t p = axes ? axes->shape(0) : 0;
             std::unique_ptr<Shard> made;
             {
               Unlocked unlocked;
               made = std::make_unique<Shard>(rows.matrix, looked_at, middle, exponent, threads,
                                              codes, axis, p, axes ? scanned : 0, far, boxes);
             }
             check_file(looked_at);
             return made;
           }),
           py::keep_alive<1, 2>(), py::arg("rows"), py::arg("center"), py::arg("exponent"),
           py::arg("threads"), py::arg("codes"), py::arg("axes"), py::arg("scanned") = 0,
           py::arg("far") = false, py::arg("sample") = nullptr, py::arg("boxes") = false)
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
      .def("first_unsound",
           [](Shard& shard, const Array<bool>& picked, int64_t begin, int64_t end) {
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
           })
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
      .def("settle",
           [](Shard& shard, const Array<int64_t>& rows) {
             const int64_t* r = rows.data();
             const int64_t count = rows.size();
             {
               Unlocked unlocked;
               shard.settle(r, count);
             }
             check_file(shard.matrix());
           })
      .def("write", &shard_write)
      .def("stats", &shard_stats);

  m.def("frame_exponent", &frame_exponent);
  m.def("guard_mapped", &guard_mapped);
  m.def("release_mapped", &release_mapped);
  m.attr("MOST_CODE_COLUMNS") = kMostCodeColumns;
  m.attr("MOST_BOX_COLUMNS") = kBoxColumns;
  m.attr("MOST_THREADS") = kMostThreads;

  m.def("greedy_pool", &pool_greedy, py::arg("values"), py::arg("index"), py::arg("distance2"),
        py::arg("nearest"), py::arg("seen"), py::arg("outside_score"), py::arg("outside_index"),
        py::arg("limit"), py::arg("threads"), py::arg("factor") = std::nullopt,
        py::arg("floor2") = -1.0, py::arg("group") = std::nullopt, py::arg("left") = std::nullopt);
  m.def("closest_pair", &find_closest_pair);
  m.def("pair_bounds", &pair_bounds);
  m.def("code_flags", &code_flags);
}
