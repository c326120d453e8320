// Which members of a pool are near each other.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "codes/codes.h"
#include "core/thread_pool.h"
#include "pool/pool.h"
#include "rows/frame.h"

namespace pyuniform {

// For each two members a bit: whether one, once picked, may lower the distance of the other. The
// int8 filter answers that for all pairs at once, in a frame of the pool's own; what is left to the
// serial chain of picks is to compare a leader with the few picks near it.
class NearPairs {
 public:
  // Larger pools would make the bits, whose number grows with the square, too many.
  static constexpr int64_t kMost = 8192;

  // Bits are kept for places in `order`, members with the largest distance first.
  NearPairs(const Kernels& kernels, const Pool& pool, const std::vector<int64_t>& order,
            int threads)
      : size_(static_cast<int64_t>(order.size())),
        words_((size_ + kPanel - 1) / kPanel),
        bits_(size_ * words_) {
    if (size_ == 0) return;
    const Frame frame = make_frame(pool, order);
    const int64_t d = pool.width;
    CodeRows rows(kernels, kernels.code_tile, Codes::padded_columns(d), size_);
    std::vector<int8_t> values(size_ * d);
    const double members = static_cast<double>(size_), columns = static_cast<double>(d);
    const int encoding = useful_threads(100 * members * columns, threads);
    in_parallel(0, size_, even_step(size_, 1, encoding), encoding, [&](Share& share) {
      std::vector<float> packed(d);
      for (const auto [from, to] : share) {
        for (int64_t r = from; r < to; ++r) {
          const double norm2 = kernels.pack(pool.values + order[r] * d, DType::f64, frame.scale(1),
                                            frame.center.data(), d, packed.data(), nullptr);
          int8_t* code = &values[r * d];
          rows.set(r, encode_row(kernels, frame, packed.data(), norm2, d, kernels.pick_codes, code),
                   code, d);
        }
      }
    });
    // One after the other: sums must not depend on threads.
    double error = 0, distance = 1e-300;
    for (int64_t r = 0; r < size_; ++r) {
      error += rows[r].error;
      distance += std::sqrt(frame.in_units(pool.distance2[order[r]]));
    }
    const CodeBounds bounds = CodeBounds::balanced(error, distance);
    CodePanels panels(Codes::padded_columns(d));
    for (int64_t r = 0; r < size_; ++r) {
      panels.append(&values[r * d], d, rows[r].scale, bounds.half(rows[r]));
      rows.limit[r] = bounds.limit(rows[r], frame.in_units(pool.distance2[order[r]]));
    }
    // Of two members the earlier has the larger distance, and that one counts: so bits are
    // symmetric, and those of later members suffice.
    const int tile_rows = kernels.tile_rows;
    const int scanning = useful_threads(members * members / 2 * columns, threads);
    in_parallel(0, size_, tile_rows, scanning, [&](Share& share) {
      std::vector<float> value(tile_rows * kPanel);
      std::vector<uint32_t> flags(tile_rows);
      for (const auto [at, end] : share) {
        const int n = static_cast<int>(end - at);
        for (int64_t p = at / kPanel; p < words_; ++p) {
          rows.scan(at, n, panels[p], value.data(), flags.data());
          for (int r = 0; r < n; ++r) row(at + r)[p] = flags[r];
        }
      }
    });
    for (int64_t r = size_ - 1; r >= 0; --r) {
      const int64_t own = r / kPanel;
      std::fill(row(r), row(r) + own, 0u);
      row(r)[own] &= ~((2u << r % kPanel) - 1);
      for (int64_t w = own; w < words_; ++w)
        for (uint32_t left = row(r)[w]; left; left &= left - 1)
          row(w * kPanel + __builtin_ctz(left))[own] |= 1u << r % kPanel;
    }
  }

  int64_t words() const { return words_; }
  uint32_t* row(int64_t place) { return &bits_[place * words_]; }

 private:
  // Around the mean of some members, with the scale that Frame wants.
  static Frame make_frame(const Pool& pool, const std::vector<int64_t>& order) {
    const int64_t d = pool.width, size = pool.width * pool.size;
    double largest = 0;
#pragma omp simd reduction(max : largest)
    for (int64_t j = 0; j < size; ++j) {
      const double magnitude = std::fabs(pool.values[j]);
      largest = magnitude > largest ? magnitude : largest;
    }
    const int64_t members = static_cast<int64_t>(order.size()), some = std::min(members, kCentral);
    std::vector<double> center(d);
    for (int64_t m = 0; m < some; ++m) {
      const double* x = pool.values + order[m * members / some] * d;
      for (int64_t j = 0; j < d; ++j) center[j] += x[j];
    }
    const int exponent = frame_exponent(largest);
    for (double& c : center) c = std::ldexp(c / static_cast<double>(some), -exponent);
    return Frame(center.data(), d, exponent, false);
  }

  static constexpr int64_t kCentral = 32;

  int64_t size_, words_;
  std::vector<uint32_t> bits_;
};

}  // namespace pyuniform
