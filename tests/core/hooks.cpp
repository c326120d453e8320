// What Python tests want to see of the error bounds, for ctypes: hooks.py builds and calls it.
#include <cstring>
#include <utility>
#include <vector>

#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "codes/code_rows.h"
#include "picks/panels.h"
#include "rows/frame.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"
#include "simd/kernels.h"

using namespace pyuniform;

namespace {

const Kernels& kernels_named(const char* name) {
  const Kernels* const* p = available_kernels();
  while (std::strcmp((*p)->name, name) != 0) ++p;
  return **p;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// Rows in memory, their frame, and the instruction set that is asked about.
struct HookRows {
  const char* kernels;
  const char* data;
  int64_t n, d, row_stride;
  int dtype, unit;
  const double* center;
  int exponent;
};

int has_kernels(const char* name) {
  for (const Kernels* const* p = available_kernels(); *p; ++p)
    if (std::strcmp((*p)->name, name) == 0) return 1;
  return 0;
}

// Of all pairs of rows the lower bound, the canonical distance, the upper bound, and the slack:
// each n x n.
void pair_bounds(const HookRows* rows, double* lower, double* exact, double* upper, double* slack) {
  const Kernels& kernels = kernels_named(rows->kernels);
  const int64_t n = rows->n, d = rows->d, width = padded(d);
  const Matrix matrix = {
      n, d, static_cast<DType>(rows->dtype), rows->unit != 0, nullptr, rows->data, rows->row_stride,
      0, n};
  const Frame frame(rows->center, d, rows->exponent, rows->unit);
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
      exact[i * n + j] = distance2;
      upper[i * n + j] = frame.unit2 * (frame.row_upper(norm2[i]) + 2.0 * high[j % kPanel]);
      lower[i * n + j] = frame.unit2 * (frame.row_lower(norm2[i]) + 2.0 * low[j % kPanel]);
      slack[i * n + j] = frame.unit2 * frame.slack(norm2[i], frame.in_units(distance2));
    }
  }
}

// Of all pairs of rows, whether codes cannot exclude that the second lies within distance2 (by row)
// of the first, and an upper bound of their squared distance; `balance` is CodeBounds' s.
void code_flags(const HookRows* rows, const double* distance2, double balance, bool* flags,
                double* upper) {
  const Kernels& kernels = kernels_named(rows->kernels);
  const int64_t n = rows->n, d = rows->d;
  const Matrix matrix = {
      n, d, static_cast<DType>(rows->dtype), rows->unit != 0, nullptr, rows->data, rows->row_stride,
      0, n};
  const Frame frame(rows->center, d, rows->exponent, rows->unit);
  const CodeBounds bounds = CodeBounds::balanced(balance, 1);
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
  CodeRows row(kernels, kernels.code_tile, codes.columns(), 1);
  std::vector<float> value(kernels.tile_rows * kPanel);
  std::vector<uint32_t> below(kernels.tile_rows);
  for (int64_t i = 0; i < n; ++i) {
    row.load(0, codes, i);
    row.limit[0] = bounds.limit(codes[i], frame.in_units(distance2[i]));
    for (int64_t j = 0; j < n; ++j) {
      if (j % kPanel == 0) row.scan(0, 1, panels[j / kPanel], value.data(), below.data());
      const int64_t c = j % kPanel;
      flags[i * n + j] = below[0] >> c & 1;
      upper[i * n + j] =
          bounds.upper2(codes[i], picks[j], panels[j / kPanel].half[c], value[c]) * frame.unit2;
    }
  }
}

}  // extern "C"
#pragma GCC visibility pop
