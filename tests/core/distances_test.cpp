// Canonical distances of every instruction set, to the last bit.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "check.h"

using namespace pyuniform;
using namespace pyuniform::tests;

namespace {

// The canonical sum of squares, by its definition.
template <typename Square>
double canonical_sum(int64_t d, const Square& square) {
  double lane[kLanes] = {};
  for (int64_t j = 0; j < d; ++j) lane[j % kLanes] += square(j);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  return lane[0];
}

// Of any size, with some that are equal or zero.
double any_value(Random& random) {
  return below(random, 4) ? normal(random) * std::ldexp(1, below(random, 60) - 30)
                          : static_cast<double>(below(random, 3));
}

void check_distance2(const Kernels& kernels) {
  Random random(1);
  for (const int64_t* d = some_columns(); *d; ++d) {
    const Guarded<double> x(padded(*d)), y(padded(*d));
    const Guarded<float> narrow_x(*d), narrow_y(*d);
    std::vector<double> wide_x(padded(*d)), wide_y(padded(*d));
    for (int64_t j = 0; j < *d; ++j) {
      x[j] = any_value(random);
      y[j] = any_value(random);
      wide_x[j] = narrow_x[j] = static_cast<float>(any_value(random));
      wide_y[j] = narrow_y[j] = static_cast<float>(any_value(random));
    }
    auto expected = [d](const double* a, const double* b) {
      return canonical_sum(*d, [=](int64_t j) { return (a[j] - b[j]) * (a[j] - b[j]); });
    };
    CHECK(kernels.distance2(x.data(), y.data(), padded(*d)) == expected(x.data(), y.data()));
    CHECK(kernels.distance2_f32(narrow_x.data(), narrow_y.data(), *d) ==
          expected(wide_x.data(), wide_y.data()));
    CHECK(kernels.distance2(x.data(), x.data(), padded(*d)) == 0);
  }
}

// n points of d coordinates, an array a coordinate.
struct Points {
  Points(Random& random, int64_t n, int64_t d) {
    for (int64_t j = 0; j < d; ++j) {
      values.push_back(std::make_unique<Guarded<double>>(n));
      // Few values, so that distances tie.
      for (int64_t m = 0; m < n; ++m)
        (*values[j])[m] = below(random, 2) ? normal(random) : static_cast<double>(below(random, 3));
      pointers[j] = values[j]->data();
    }
  }
  std::vector<std::unique_ptr<Guarded<double>>> values;
  const double* pointers[kBoxColumns] = {};
};

void check_nearer(const Kernels& kernels) {
  Random random(2);
  for (int64_t d = 1; d <= kBoxColumns; ++d) {
    for (int64_t n = 1; n <= 40; ++n) {
      const Points rows(random, n, d);
      const Guarded<double> pick(d), bound(n);
      const Guarded<int64_t> nearest(n);
      for (int64_t j = 0; j < d; ++j) pick[j] = static_cast<double>(below(random, 3));
      std::vector<double> expected_bound(n);
      std::vector<int64_t> expected_nearest(n);
      for (int64_t r = 0; r < n; ++r) {
        const double distance2 = canonical_sum(d, [&](int64_t j) {
          return (rows.pointers[j][r] - pick[j]) * (rows.pointers[j][r] - pick[j]);
        });
        // Now and then the very distance: a tie, which changes nothing.
        bound[r] = below(random, 3) ? std::fabs(normal(random)) * 4 : distance2;
        nearest[r] = 3;
        expected_bound[r] = std::min(bound[r], distance2);
        expected_nearest[r] = distance2 < bound[r] ? 7 : 3;
      }
      kernels.nearer(rows.pointers, n, pick.data(), d, 7, bound.data(), nearest.data());
      for (int64_t r = 0; r < n; ++r)
        CHECK(bound[r] == expected_bound[r] && nearest[r] == expected_nearest[r]);
    }
  }
}

void check_box_distance2(const Kernels& kernels) {
  Random random(3);
  for (int64_t d = 1; d <= kBoxColumns; ++d) {
    for (int64_t n = 1; n <= 40; ++n) {
      const Points picks(random, n, d), rows(random, 9, d);
      const Guarded<double> low(d), high(d), out(n);
      for (int64_t j = 0; j < d; ++j) {
        low[j] = *std::min_element(rows.pointers[j], rows.pointers[j] + 9);
        high[j] = *std::max_element(rows.pointers[j], rows.pointers[j] + 9);
      }
      kernels.box_distance2(picks.pointers, n, low.data(), high.data(), d, out.data());
      for (int64_t c = 0; c < n; ++c) {
        CHECK(out[c] == canonical_sum(d, [&](int64_t j) {
                const double pick = picks.pointers[j][c];
                const double gap = std::max({low[j] - pick, pick - high[j], 0.0});
                return gap * gap;
              }));
        for (int64_t r = 0; r < 9; ++r)
          CHECK(out[c] <= canonical_sum(d, [&](int64_t j) {
                  const double difference = rows.pointers[j][r] - picks.pointers[j][c];
                  return difference * difference;
                }));
      }
    }
  }
}

}  // namespace

TEST(distance2) { for_each_kernels(check_distance2); }
TEST(nearer) { for_each_kernels(check_nearer); }
TEST(box_distance2) { for_each_kernels(check_box_distance2); }
