// What tests want to see of the error bounds.
#include <stdexcept>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/rows.h"
#include "codes/codes.h"
#include "picks/panels.h"
#include "rows/row_reader.h"
#include "simd/kernels.h"

namespace pyuniform::bindings {
namespace {

// For the tests of the error bounds: of all pairs of rows the lower bound, the canonical distance,
// the upper bound, and the slack.
py::tuple pair_bounds(const Rows& rows, const Array<double>& center, int exponent) {
  const Kernels& kernels = rows.kernels;
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
  const Kernels& kernels = rows.kernels;
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

void bind_bounds(py::module_& m) {
  m.def("pair_bounds", &pair_bounds);
  m.def("code_flags", &code_flags);
}

}  // namespace pyuniform::bindings
