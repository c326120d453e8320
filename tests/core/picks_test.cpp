// Picks, as the filter and as float64 want them.
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"
#include "picks/canonical_picks.h"
#include "picks/panels.h"

using namespace pyuniform;
using namespace pyuniform::tests;

namespace {

void check_panels(const Kernels& kernels) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const int64_t d = 7, n = 2 * kPanel + 5;
  Panels panels(kernels, d);
  for (int64_t i = 0; i < n; ++i) {
    std::vector<float> row(d);
    for (int64_t j = 0; j < d; ++j) row[j] = static_cast<float>(100 * i + j);
    panels.append(row.data(), static_cast<float>(i), static_cast<float>(-i));
  }
  CHECK(panels.size() == n && panels.count() == 3);
  CHECK(panels.filled(0) == kPanel && panels.filled(2) == 5);
  for (int64_t i = 0; i < 3 * kPanel; ++i) {
    const Panel& panel = panels[i / kPanel];
    const int64_t c = i % kPanel, half = c / (kPanel / 2);
    for (int64_t j = 0; j < d; ++j)
      CHECK(panel.values[kernels.panel_place(d, j, c)] ==
            (i < n ? static_cast<float>(100 * i + j) : 0.0f));
    CHECK(panel.half_upper[c] == (i < n ? static_cast<float>(i) : infinity));
    CHECK(panel.half_lower[c] == (i < n ? static_cast<float>(-i) : infinity));
    CHECK(panel.split_upper[half][c % (kPanel / 2)] == panel.half_upper[c]);
    CHECK(panel.split_upper[half][c % (kPanel / 2) + kPanel / 2] == infinity);
  }
}

// Picks of the matrix and from elsewhere, the 90th of which float32 does not hold.
void check_canonical_picks(const Kernels& kernels) {
  Random random(1);
  const int64_t d = 19, n = 200, width = padded(d);
  std::vector<float> values(n * d);
  for (float& v : values) v = static_cast<float>(normal(random));
  const Matrix matrix = {
      n, d, DType::f32, false, nullptr, reinterpret_cast<const char*>(values.data()), 4 * d, 0, n};
  RowReader reader(matrix, kernels);
  for (bool keeps_all : {false, true}) {
    CanonicalPicks picks(matrix, keeps_all);
    std::vector<std::vector<double>> expected;
    for (int64_t p = 0; p < 150; ++p) {
      const int64_t row = below(random, 2) && p != 90 ? below(random, n) : -1;
      std::vector<double> pick(width);
      for (int64_t j = 0; j < d; ++j)
        pick[j] = row < 0 ? static_cast<float>(normal(random)) : values[row * d + j];
      if (p == 90) pick[3] = 0.1;
      picks.append(row, pick.data());
      expected.push_back(pick);
      CHECK(picks.size() == p + 1 && picks.narrow() == (p < 90));
      for (int64_t q : {int64_t{0}, p / 2, p}) {
        picks.prefetch(q);
        std::vector<double> scratch(width);
        const double* found = picks.doubles(q, reader, scratch.data());
        for (int64_t j = 0; j < width; ++j) CHECK(found[j] == expected[q][j]);
        for (int64_t j = 0; picks.narrow() && j < d; ++j)
          CHECK(picks.floats(q)[j] == expected[q][j]);
      }
    }
  }
}

}  // namespace

TEST(panels) { for_each_kernels(check_panels); }
TEST(canonical_picks) { for_each_kernels(check_canonical_picks); }
