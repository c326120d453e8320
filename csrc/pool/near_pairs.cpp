#include "pool/near_pairs.h"

#include <algorithm>
#include <cmath>

#include "codes/code_panels.h"
#include "core/thread_pool.h"

namespace pyuniform {
namespace {

// A frame around the mean of some members, with the scale that Frame wants.
Frame frame_of(const Pool& pool, const std::vector<int64_t>& order) {
  constexpr int64_t kCentral = 32;
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

}  // namespace

NearPairs::NearPairs(const Kernels& kernels, const Pool& pool, const std::vector<int64_t>& order,
                     int threads)
    : size_(static_cast<int64_t>(order.size())),
      words_((size_ + kPanel - 1) / kPanel),
      bits_(size_ * words_) {
  if (size_ == 0) return;
  const Frame frame = frame_of(pool, order);
  const int64_t d = pool.width;
  CodeRows rows(kernels, kernels.code_tile, Codes::padded_columns(d), size_);
  std::vector<int8_t> values(size_ * d);
  encode(kernels, pool, order, frame, threads, &rows, &values);
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
  scan(kernels, rows, panels, threads);
  make_symmetric();
}

void NearPairs::encode(const Kernels& kernels, const Pool& pool, const std::vector<int64_t>& order,
                       const Frame& frame, int threads, CodeRows* rows,
                       std::vector<int8_t>* values) const {
  const int64_t d = pool.width;
  threads = useful_threads(100 * static_cast<double>(size_) * static_cast<double>(d), threads);
  in_parallel(0, size_, even_step(size_, 1, threads), threads, [&](Share& share) {
    std::vector<float> packed(d);
    for (const auto [from, to] : share) {
      for (int64_t r = from; r < to; ++r) {
        const double norm2 = kernels.pack(pool.values + order[r] * d, DType::f64, frame.scale(1),
                                          frame.center.data(), d, packed.data(), nullptr);
        int8_t* code = &(*values)[r * d];
        rows->set(r, encode_row(kernels, frame, packed.data(), norm2, d, kernels.pick_codes, code),
                  code, d);
      }
    }
  });
}

void NearPairs::scan(const Kernels& kernels, const CodeRows& rows, const CodePanels& panels,
                     int threads) {
  const int tile_rows = kernels.tile_rows;
  const double members = static_cast<double>(size_);
  threads = useful_threads(members * members / 2 * static_cast<double>(panels.columns()), threads);
  in_parallel(0, size_, tile_rows, threads, [&](Share& share) {
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
}

// Of two members the earlier has the larger distance, and that one counts: so bits are symmetric,
// and those of later members suffice.
void NearPairs::make_symmetric() {
  for (int64_t r = size_ - 1; r >= 0; --r) {
    const int64_t own = r / kPanel;
    std::fill(row(r), row(r) + own, 0u);
    row(r)[own] &= ~((2u << r % kPanel) - 1);
    for (int64_t w = own; w < words_; ++w)
      for (uint32_t left = row(r)[w]; left; left &= left - 1)
        row(w * kPanel + __builtin_ctz(left))[own] |= 1u << r % kPanel;
  }
}

}  // namespace pyuniform
