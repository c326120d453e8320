// Rows as they are read, and the frame in which the float32 filter sees them.
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "check.h"
#include "picks/panels.h"
#include "rows/frame.h"
#include "rows/row_block.h"
#include "rows/row_reader.h"

using namespace pyuniform;
using namespace pyuniform::tests;

namespace {

Matrix rows_in_memory(const std::vector<float>& values, int64_t d, bool unit) {
  const int64_t n = static_cast<int64_t>(values.size()) / d;
  return {n,     d, DType::f32, unit, nullptr, reinterpret_cast<const char*>(values.data()),
          d * 4, 0, n};
}

// Bounds of all pairs of rows enclose their canonical distances, and slack is what it is said to
// be.
void check_frame(const Kernels& kernels) {
  Random random(1);
  for (bool unit : {false, true}) {
    for (int64_t d : {1, 2, 17, 64, 100, 385}) {
      const int64_t n = 40;
      std::vector<float> values(n * d);
      for (float& v : values)
        v = static_cast<float>(3 + normal(random) * (below(random, 5) ? 1 : 50));
      for (int64_t j = 0; j < d; ++j) values[d + j] = values[j];  // equal rows
      const Matrix matrix = rows_in_memory(values, d, unit);
      const int exponent = unit ? 0 : frame_exponent(500);
      const std::vector<double> center(d, unit ? 0.1 : std::ldexp(3, -exponent));
      const Frame frame(center.data(), d, exponent, unit);
      RowReader reader(matrix, kernels);
      RowBlock block(n, d, kernels.tile_rows);
      Panels panels(kernels, d);
      std::vector<double> norm2(n), wide(n * padded(d));
      for (int64_t i = 0; i < n; ++i) {
        norm2[i] = reader.pack(i, frame, block.row(i));
        reader.canonical(i, &wide[i * padded(d)]);
        panels.append(frame, block.row(i), norm2[i]);
      }
      std::vector<float> limit(kernels.tile_rows), value[2];
      std::vector<uint32_t> below_limit(kernels.tile_rows);
      for (auto& v : value) v.resize(kernels.tile_rows * kPanel);
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t p = 0; p < panels.count(); ++p) {
          const Panel& panel = panels[p];
          for (int upper : {0, 1})
            kernels.tile(block.row(i), block.stride, 1, panel.values.get(),
                         upper ? panel.half_upper : panel.half_lower, d, limit.data(),
                         value[upper].data(), below_limit.data(), nullptr);
          for (int64_t c = 0; c < panels.filled(p); ++c) {
            const double distance2 = kernels.distance2(
                &wide[i * padded(d)], &wide[(p * kPanel + c) * padded(d)], padded(d));
            const double upper = frame.row_upper(norm2[i]) + 2.0 * value[1][c];
            CHECK(frame.unit2 * (frame.row_lower(norm2[i]) + 2.0 * value[0][c]) <= distance2);
            CHECK(distance2 <= frame.unit2 * upper);
            CHECK(!frame.excludes(upper, norm2[i], frame.in_units(distance2)));
          }
        }
      }
    }
  }
}

// Rows in two parts of a file, read one by one, and what is missing there.
void check_reader(const Kernels& kernels) {
  Random random(2);
  const int64_t d = 21, n = 9;
  std::vector<float> values(n * d);
  for (float& v : values) v = static_cast<float>(normal(random));
  std::FILE* const file = std::tmpfile();
  CHECK(file && std::fwrite(values.data(), 4, values.size(), file) == values.size());
  CHECK(std::fflush(file) == 0);
  // The second part has the first rows of the file, two strides apart.
  const FilePart parts[] = {{0, fileno(file), 4 * d * 4, 4 * d}, {5, fileno(file), 0, 8 * d}};
  for (bool unit : {false, true}) {
    Matrix matrix = {7, d, DType::f32, unit, nullptr, nullptr, 0, 0, 0};
    matrix.parts = parts;
    matrix.part_count = 2;
    RowReader reader(matrix, kernels);
    const int64_t stored_at[] = {4, 5, 6, 7, 8, 0, 2};
    for (int64_t i : {6, 0, 0, 5, 4, 3}) {
      std::vector<double> row(padded(d), 1);
      reader.canonical(i, row.data());
      double norm2 = 0;
      for (int64_t j = 0; j < d; ++j) {
        const double value = values[stored_at[i] * d + j];
        norm2 += value * value;
        if (!unit) CHECK(row[j] == value);
      }
      for (int64_t j = 0; unit && j < d; ++j)
        CHECK(std::fabs(row[j] * std::sqrt(norm2) - values[stored_at[i] * d + j]) < 1e-14);
      for (int64_t j = d; j < padded(d); ++j) CHECK(row[j] == 0);
    }
    CHECK(!matrix.file_failed);
  }
  const FilePart beyond = {0, fileno(file), 4 * d * (n - 1), 4 * d};
  Matrix matrix = {2, d, DType::f32, false, nullptr, nullptr, 0, 0, 0};
  matrix.parts = &beyond;
  matrix.part_count = 1;
  RowReader reader(matrix, kernels);
  std::vector<double> row(padded(d));
  reader.canonical(0, row.data());
  CHECK(row[0] == values[(n - 1) * d] && !matrix.file_failed);
  reader.canonical(1, row.data());
  for (double v : row) CHECK(v == 0);
  CHECK(matrix.file_failed);
  std::fclose(file);
}

}  // namespace

TEST(rounding) {
  Random random(3);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (int repeat = 0; repeat < 100000; ++repeat) {
    const double x = normal(random) * std::ldexp(1, below(random, 290) - 170);
    const float up = round_up(x), down = round_down(x);
    CHECK(down <= x && x <= up);
    const float nearest = static_cast<float>(x);
    CHECK(up <= std::nextafter(std::nextafter(nearest, infinity), infinity));
    CHECK(down >= std::nextafter(std::nextafter(nearest, -infinity), -infinity));
    if (std::isfinite(nearest)) CHECK(above(nearest) > nearest);
  }
}

TEST(frame_exponent) {
  for (double largest : {1e-100, 0.3, 1.0, 3e38, 1e150})
    CHECK(std::ldexp(largest, -frame_exponent(largest)) <= 0x1p40 &&
          std::ldexp(largest, -frame_exponent(largest)) >= 0x1p39);
  CHECK(frame_exponent(1e-200) == -400);
}

TEST(frame) { for_each_kernels(check_frame); }
TEST(row_reader) { for_each_kernels(check_reader); }
