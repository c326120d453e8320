// Tiles of every instruction set, at odd sizes, against sums that are made one after another.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"
#include "codes/code_bounds.h"
#include "codes/code_panels.h"
#include "codes/code_rows.h"

using namespace pyuniform;
using namespace pyuniform::tests;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Which places of a panel hold picks: the first `filled`, or, if that is zero, some.
std::vector<bool> some_places(Random& random, int64_t filled) {
  std::vector<bool> places(kPanel);
  for (int64_t c = 0; c < kPanel; ++c) places[c] = filled ? c < filled : below(random, 3) > 0;
  return places;
}

class CountingHook final : public PrefetchHook {
 public:
  void step() override { ++steps; }
  int64_t steps = 0;
};

// What a tile writes, checked against `exact` values and the roundings that are allowed.
struct Found {
  explicit Found(int tile_rows) : value(tile_rows * kPanel), limit(tile_rows), below(tile_rows) {
    for (int64_t i = 0; i < value.size(); ++i) value[i] = std::nanf("");
  }

  template <typename Exact>
  void check(int n, const float* half, const Exact& exact) const {
    for (int64_t r = 0; r < n; ++r) {
      for (int64_t c = 0; c < kPanel; ++c) {
        const float v = value[r * kPanel + c];
        const bool is_below = below[r] >> c & 1;
        if (half[c] == kInfinity) {
          CHECK(!is_below);
          continue;
        }
        const auto [expected, error] = exact(r, c);
        CHECK(std::fabs(v - expected) <= error);
        CHECK(is_below == (v < limit[r]));
      }
    }
  }

  Guarded<float> value, limit;
  Guarded<uint32_t> below;
};

struct Expected {
  double value, error;
};

void check_tile(const Kernels& kernels, Random& random, int64_t d, int n, int64_t filled) {
  const int64_t stride = d + below(random, 5);
  const Guarded<float> rows((kernels.tile_rows - 1) * stride + d), panel(d * kPanel), half(kPanel);
  std::vector<float> picks(kPanel * d);
  for (int64_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(normal(random));
  const std::vector<bool> places = some_places(random, filled);
  for (int64_t c = 0; c < kPanel; ++c) {
    half[c] = places[c] ? static_cast<float>(normal(random)) : kInfinity;
    for (int64_t j = 0; j < d; ++j) {
      picks[c * d + j] = places[c] ? static_cast<float>(normal(random)) : 0;
      panel[kernels.panel_place(d, j, c)] = picks[c * d + j];
    }
  }
  const Found found(kernels.tile_rows);
  for (int64_t r = 0; r < kernels.tile_rows; ++r)
    found.limit[r] = static_cast<float>(normal(random));
  CountingHook hook;
  const bool hooked = below(random, 2);
  kernels.tile(rows.data(), stride, n, panel.data(), half.data(), d, found.limit.data(),
               found.value.data(), found.below.data(), hooked ? &hook : nullptr);
  CHECK(!hooked || hook.steps > 0);
  found.check(n, half.data(), [&](int64_t r, int64_t c) {
    double product = 0, magnitudes = std::fabs(half[c]);
    for (int64_t j = 0; j < d; ++j) {
      const double term = static_cast<double>(rows[r * stride + j]) * picks[c * d + j];
      product += term;
      magnitudes += std::fabs(term);
    }
    return Expected{half[c] - product, 0x1.01p-24 * static_cast<double>(d + 1) * magnitudes};
  });
}

void check_tiles(const Kernels& kernels) {
  Random random(1);
  for (const int64_t* d = some_columns(); *d; ++d)
    for (int64_t filled : {int64_t{0}, 1 + below(random, 16), 17 + below(random, 16)})
      check_tile(kernels, random, *d, 1 + static_cast<int>(below(random, kernels.tile_rows)),
                 filled);
  for (int n = 1; n <= kernels.tile_rows; ++n)
    for (int64_t filled = 1; filled <= kPanel; ++filled) check_tile(kernels, random, 5, n, filled);
}

// Codes as they are made of d values: of one size, in a few columns, or of two values that make
// sums as large as they can be.
float make_code(const Kernels& kernels, Random& random, int64_t d, CodeLimits limits,
                float norm_limit, int8_t* code) {
  std::vector<float> x(d);
  const int64_t kind = below(random, 4);
  for (int64_t j = 0; j < d; ++j) {
    x[j] = kind < 2 ? static_cast<float>(normal(random)) : kind == 2 ? 1.0f : -1.0f;
    if (kind == 1 && below(random, 8)) x[j] = 0;
  }
  float step = least_step(kernels, x.data(), d, limits), norm2 = 0;
  for (float v : x) norm2 += v * v;
  step = std::max(step, std::sqrt(norm2) / norm_limit);
  return kernels.encode(x.data(), d, limits.levels, step, code, nullptr, nullptr);
}

void check_code_tile(const Kernels& kernels, Random& random, CodeTile* tile, int64_t d,
                     int64_t segment, float norm_limit, int n, int64_t filled) {
  const int64_t columns = Codes::padded_columns(d), stride = columns + 4 * below(random, 3);
  const int tile_rows = kernels.tile_rows;
  const Guarded<uint8_t> rows((tile_rows - 1) * stride + columns);
  const Guarded<float> row_scale(tile_rows);
  std::vector<int8_t> row_codes(tile_rows * d), pick_codes(kPanel * d);
  for (int64_t i = 0; i < rows.size(); ++i) rows[i] = 128;
  for (int64_t r = 0; r < tile_rows; ++r) {
    int8_t* code = &row_codes[r * d];
    row_scale[r] = make_code(kernels, random, d, kernels.row_codes, norm_limit, code);
    for (int64_t j = 0; j < d; ++j) rows[r * stride + j] = static_cast<uint8_t>(code[j] + 128);
  }
  CodePanels panels(columns, segment);
  for (int64_t c = 0; c < filled; ++c) {
    int8_t* code = &pick_codes[c * d];
    const float scale = make_code(kernels, random, d, kernels.pick_codes, norm_limit, code);
    panels.append(code, d, scale, static_cast<float>(normal(random)));
  }
  const CodePanel& panel = panels[0];
  const Found found(tile_rows);
  for (int64_t r = 0; r < tile_rows; ++r) found.limit[r] = static_cast<float>(normal(random));
  tile(rows.data(), stride, n, panel, columns / 4, row_scale.data(), found.limit.data(),
       found.value.data(), found.below.data());
  found.check(n, panel.half, [&](int64_t r, int64_t c) {
    int64_t sum = 0;
    for (int64_t j = 0; j < d; ++j) sum += row_codes[r * d + j] * pick_codes[c * d + j];
    const double product =
        static_cast<double>(panel.scale[c]) * row_scale[r] * static_cast<double>(sum);
    return Expected{panel.half[c] - product,
                    4 * 0x1.01p-24 * (std::fabs(product) + std::fabs(panel.half[c]))};
  });
}

void check_code_tiles(const Kernels& kernels) {
  Random random(2);
  for (const int64_t* d = some_columns(); *d; ++d)
    for (int64_t filled : {1 + below(random, 16), 17 + below(random, 16), int64_t{kPanel}})
      check_code_tile(kernels, random, kernels.code_tile, *d, kSegment, kInfinity,
                      1 + static_cast<int>(below(random, kernels.tile_rows)), filled);
  for (int n = 1; n <= kernels.tile_rows; ++n)
    check_code_tile(kernels, random, kernels.code_tile, 100, kSegment, kInfinity, n, n % 32 + 1);
}

void check_sketch_tiles(const Kernels& kernels) {
  Random random(3);
  for (int64_t scanned = kPanel; scanned <= kMostScannedColumns; scanned += kPanel)
    for (int n = 1; n <= kernels.tile_rows; ++n)
      check_code_tile(kernels, random, kernels.sketch_tile, scanned, scanned, kSketchNorm, n,
                      1 + below(random, kPanel));
}

void check_products(const Kernels& kernels) {
  Random random(4);
  for (int64_t d = 0; d <= kMostOtherColumns; d += kPanel) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      const Guarded<uint8_t> x(d);
      const Guarded<int8_t> y(d * kPanel);
      const Guarded<int32_t> out(kPanel);
      // A byte 0 would stand for -128, which no code is.
      for (int64_t j = 0; j < d; ++j)
        x[j] = static_cast<uint8_t>(repeat ? 1 + below(random, 255) : 255);
      for (int64_t j = 0; j < y.size(); ++j)
        y[j] = static_cast<int8_t>(repeat ? below(random, 255) - 127 : -127);
      for (int64_t c = 0; c < kPanel; ++c) out[c] = 12345;
      const uint32_t bits = static_cast<uint32_t>(random());
      kernels.products(x.data(), y.data(), d, bits, out.data());
      for (int64_t c = 0; c < kPanel; ++c) {
        int32_t sum = 0;
        for (int64_t j = 0; j < d; ++j) sum += (x[j] - 128) * y[c * d + j];
        CHECK(out[c] == (bits >> c & 1 ? sum : 12345));
      }
    }
  }
}

}  // namespace

TEST(tile) { for_each_kernels(check_tiles); }
TEST(code_tile) { for_each_kernels(check_code_tiles); }
TEST(sketch_tile) { for_each_kernels(check_sketch_tiles); }
TEST(products) { for_each_kernels(check_products); }
