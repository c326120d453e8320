// Codes: how they are made, and what is proven of them.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"
#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "codes/code_rows.h"
#include "codes/sketch.h"
#include "codes/sketcher.h"

using namespace pyuniform;
using namespace pyuniform::tests;

namespace {

// Values of one size, or of many, or with one that is much larger than the others.
std::vector<float> some_values(Random& random, int64_t d) {
  std::vector<float> x(d);
  const int64_t kind = below(random, 3);
  for (float& v : x)
    v = static_cast<float>(normal(random) * std::exp(kind == 1 ? 4 * normal(random) : 0));
  if (kind == 2) x[below(random, d)] *= 1000;
  return x;
}

double norm2_of(const std::vector<float>& x) {
  double sum = 0;
  for (float v : x) sum += static_cast<double>(v) * v;
  return sum;
}

void check_segment_norm(const Kernels& kernels) {
  Random random(1);
  for (const int64_t* d = some_columns(); *d; ++d) {
    const Guarded<float> x(*d);
    const std::vector<float> values = some_values(random, *d);
    std::copy(values.begin(), values.end(), x.data());
    double largest2 = 0;
    for (int64_t begin = 0; begin < *d; begin += kSegment) {
      double half2[2] = {};
      for (int64_t j = begin; j < std::min(*d, begin + kSegment); ++j)
        half2[(j - begin) % 4 / 2] += static_cast<double>(x[j]) * x[j];
      largest2 = std::max({largest2, half2[0], half2[1]});
    }
    const double norm = std::sqrt(largest2);
    CHECK(std::fabs(kernels.segment_norm(x.data(), *d) - norm) <= 1e-5 * norm);
  }
}

void check_encode(const Kernels& kernels) {
  Random random(2);
  for (const int64_t* d = some_columns(); *d; ++d) {
    for (int levels : {127, 64, 5}) {
      const Guarded<float> x(*d);
      const Guarded<int8_t> code(*d), guess(*d);
      const std::vector<float> values = some_values(random, *d);
      std::copy(values.begin(), values.end(), x.data());
      const float least = below(random, 2) ? 0 : 0.05f;
      double rest2, norm2;
      const float scale = kernels.encode(x.data(), *d, levels, least, code.data(), &rest2, &norm2);
      CHECK(scale >= least && scale > 0);
      CHECK(kernels.encode(x.data(), *d, levels, least, guess.data(), nullptr, nullptr) == scale);
      double expected_rest2 = 0, expected_norm2 = 0;
      for (int64_t j = 0; j < *d; ++j) {
        CHECK(code[j] == guess[j] && std::abs(code[j]) <= levels);
        const double coded = static_cast<double>(scale) * code[j], left = x[j] - coded;
        CHECK(std::fabs(left) <= scale * (0.5 + 1e-4));
        expected_rest2 += left * left;
        expected_norm2 += coded * coded;
      }
      CHECK(std::fabs(rest2 - expected_rest2) <= 1e-9 * expected_rest2 + 1e-300);
      CHECK(std::fabs(norm2 - expected_norm2) <= 1e-9 * expected_norm2);
    }
  }
  const float zeros[3] = {};
  int8_t code[3] = {1, 1, 1};
  double rest2, norm2;
  CHECK(kernels.encode(zeros, 3, 127, 0, code, &rest2, &norm2) > 0);
  CHECK(code[0] == 0 && code[1] == 0 && code[2] == 0 && rest2 == 0 && norm2 == 0);
}

// A row's code, its bounds, and what they say of picks at a known distance.
void check_bounds(const Kernels& kernels) {
  Random random(3);
  for (const int64_t* d = some_columns(); *d; ++d) {
    const std::vector<double> center(*d);
    const Frame frame(center.data(), *d, 0, false);
    for (double balance : {0.004, 0.1, 1.0}) {
      const CodeBounds bounds = CodeBounds::balanced(balance, 1);
      const std::vector<float> x = some_values(random, *d);
      std::vector<float> c = some_values(random, *d);
      // Often near the row, where a wrong bound would tell.
      if (below(random, 3))
        for (int64_t j = 0; j < *d; ++j) c[j] = x[j] + 0.01f * c[j];
      std::vector<int8_t> row_code(*d), pick_code(*d);
      const Code row =
          encode_row(kernels, frame, x.data(), norm2_of(x), *d, kernels.row_codes, row_code.data());
      const Code pick = encode_row(kernels, frame, c.data(), norm2_of(c), *d, kernels.pick_codes,
                                   pick_code.data());
      double distance2 = 0, error2 = 0, coded2 = 0;
      int64_t sum = 0;
      for (int64_t j = 0; j < *d; ++j) {
        const double coded = static_cast<double>(row.scale) * row_code[j];
        distance2 += (static_cast<double>(x[j]) - c[j]) * (static_cast<double>(x[j]) - c[j]);
        error2 += (x[j] - coded) * (x[j] - coded);
        coded2 += coded * coded;
        sum += row_code[j] * pick_code[j];
      }
      CHECK(std::sqrt(error2) <= row.error && row.norm2 <= coded2 * (1 + 1e-12));
      const float half = bounds.half(pick);
      const double product = static_cast<double>(row.scale) * pick.scale * static_cast<double>(sum);
      const float value = static_cast<float>(half - product);
      CHECK(value < bounds.limit(row, distance2 * (1 + 1e-12)));
      CHECK(bounds.upper2(row, pick, half, value) >= distance2);
    }
  }
}

// Squares of rows that are far too large for the frame must not become bounds.
void check_overflow(const Kernels& kernels) {
  const double center[2] = {};
  const Frame frame(center, 2, 0, false);
  const float x[2] = {0x1p70f, 1};
  int8_t code[2] = {1, 1};
  const Code row = encode_row(kernels, frame, x, 0x1p140, 2, kernels.row_codes, code);
  CHECK(code[0] == 0 && code[1] == 0 && std::isinf(row.error));
  CHECK(CodeBounds::balanced(1, 1).limit(row, 1) == std::numeric_limits<float>::infinity());
}

// With unit vectors as axes a sketch is the row itself: distances of sketches are those of rows but
// for rounding.
void check_sketcher(const Kernels& kernels) {
  Random random(4);
  for (int64_t d : {32, 40, 96}) {
    const int64_t p = d / kPanel * kPanel, scanned = std::min<int64_t>(p, 64);
    std::vector<float> axes(p * d);
    for (int64_t a = 0; a < p; ++a) axes[a * d + a] = 1;
    const Axes unit(kernels, axes.data(), p, scanned, d);
    Sketcher sketcher(kernels, unit);
    const int n = kernels.tile_rows;
    std::vector<std::vector<float>> rows(n, std::vector<float>(d));
    for (int r = 0; r < n; ++r) {
      for (float& v : rows[r]) v = static_cast<float>(normal(random));
      sketcher.load(r, rows[r].data(), norm2_of(rows[r]));
    }
    sketcher.project(n);
    for (int r = 0; r < n; ++r) {
      std::vector<int8_t> code(p);
      const Code sketch = sketcher.encode(r, kernels.row_codes.levels, code.data());
      double scanned2 = 0, code2 = 0;
      for (int64_t a = 0; a < p; ++a) {
        // The sign is turned around; both the row and the axes were rounded.
        CHECK(std::fabs(sketch.scale * code[a] + rows[r][a]) < 0.1);
        if (a >= scanned) continue;
        scanned2 += static_cast<double>(rows[r][a]) * rows[r][a];
        code2 += code[a] * code[a];
      }
      CHECK(std::sqrt(code2) <= kSketchNorm + std::sqrt(static_cast<double>(scanned)) / 2);
      const double all2 = norm2_of(rows[r]), left2 = all2 - scanned2;
      CHECK(std::fabs(sketch.norm2 - (scanned2 + (1 - kAligned) * left2)) < 0.02 * all2);
      CHECK(all_norm2(sketch) >= sketch.norm2 && all_norm2(sketch) < 1.02 * all2);
    }
  }
}

// Rows of codes, loaded, moved and scanned, give what their codes say.
void check_rows(const Kernels& kernels) {
  Random random(5);
  const int64_t d = 50, n = 2 * kernels.tile_rows + 3;
  Codes codes;
  codes.resize(n, d);
  CHECK(!codes.empty() && codes.columns() == 52);
  std::vector<int8_t> code(d);
  for (int64_t i = 0; i < n; ++i) {
    for (int8_t& v : code) v = static_cast<int8_t>(below(random, 17) - 8);
    codes.set(i, {1, 0, static_cast<float>(i)}, code.data(), d);
  }
  CodePanels panels(codes.columns());
  for (int8_t& v : code) v = 1;
  panels.append(code.data(), d, 1, 0);
  CHECK(panels.filled(0) == 1);
  CodeRows rows(kernels, kernels.code_tile, codes.columns(), n);
  for (int64_t i = 0; i < n; ++i) rows.load(i, codes, i);
  rows.move(n - 1, 1);
  CHECK(rows[1].norm2 == static_cast<float>(n - 1));
  std::vector<float> value(kernels.tile_rows * kPanel);
  std::vector<uint32_t> flags(kernels.tile_rows);
  for (int64_t at = 0; at < n; at += kernels.tile_rows) {
    const int count = static_cast<int>(std::min<int64_t>(kernels.tile_rows, n - at));
    rows.scan(at, count, panels[0], value.data(), flags.data());
    for (int r = 0; r < count; ++r) {
      int sum = 0;
      const uint8_t* bytes = codes.row(at + r == 1 ? n - 1 : at + r);
      for (int64_t j = 0; j < d; ++j) sum += bytes[j] - 128;
      CHECK(value[r * kPanel] == static_cast<float>(-sum));
    }
  }
}

}  // namespace

TEST(segment_norm) { for_each_kernels(check_segment_norm); }
TEST(encode) { for_each_kernels(check_encode); }
TEST(code_bounds) { for_each_kernels(check_bounds); }
TEST(code_overflow) { for_each_kernels(check_overflow); }
TEST(code_rows) { for_each_kernels(check_rows); }
TEST(sketcher) { for_each_kernels(check_sketcher); }
