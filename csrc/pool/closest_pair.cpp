#include "pool/closest_pair.h"

#include <algorithm>
#include <limits>
#include <mutex>

#include "core/thread_pool.h"
#include "picks/panels.h"
#include "rows/row_reader.h"

namespace pyuniform {
namespace {

bool ahead(const ClosestPair& a, const ClosestPair& b) {
  if (a.distance2 != b.distance2) return a.distance2 < b.distance2;
  return a.first != b.first ? a.first < b.first : a.second < b.second;
}

}  // namespace

void closest_pair(const Kernels& kernels, const Matrix& matrix, const Frame& frame, int64_t begin,
                  int64_t end, int64_t columns_begin, int64_t columns_end, int threads,
                  ClosestPair* best) {
  const int64_t d = matrix.d, width = padded(d);
  const int tile_rows = kernels.tile_rows;
  end = std::min(end, columns_end - 1);
  columns_begin = std::max(columns_begin, begin + 1);

  Panels panels(kernels, d);
  {
    RowReader reader(matrix, kernels);
    std::vector<float> packed(d);
    for (int64_t j = columns_begin; j < columns_end; ++j) {
      const double norm2 = reader.pack(j, frame, packed.data());
      panels.append(frame, packed.data(), norm2);
    }
  }

  const double pairs =
      static_cast<double>(end - begin) * static_cast<double>(columns_end - columns_begin);
  threads = useful_threads(pairs * static_cast<double>(d), threads);
  std::mutex mutex;
  in_parallel(begin, end, 8 * tile_rows, threads, [&](Share& share) {
    RowReader reader(matrix, kernels);
    RowBlock packed(tile_rows, d, tile_rows);
    std::vector<double> x(width), y(width), lower(tile_rows);
    std::vector<float> limit(tile_rows), value(tile_rows * kPanel);
    std::vector<uint32_t> below(tile_rows);
    ClosestPair mine = {std::numeric_limits<double>::infinity(), -1, -1};
    auto exchange = [&] {
      std::lock_guard<std::mutex> lock(mutex);
      if (ahead(*best, mine)) mine = *best;
      if (ahead(mine, *best)) *best = mine;
    };
    auto look_at_tile = [&](int64_t at, int n) {
      // A pair found by another thread only tightens the filter.
      exchange();
      for (int r = 0; r < n; ++r)
        lower[r] = frame.row_lower(reader.pack(at + r, frame, packed.row(r)));
      auto set_limits = [&] {
        for (int r = 0; r < n; ++r) {
          limit[r] = above(round_up((frame.in_units(mine.distance2) - lower[r]) / 2));
        }
      };
      set_limits();
      // Columns up to the first row of the tile are pairs seen from the other side.
      const int64_t first_column = std::max(columns_begin, at + 1) - columns_begin;
      for (int64_t p = first_column / kPanel; p < panels.count(); ++p) {
        kernels.tile(packed.row(0), packed.stride, n, panels[p].values.get(), panels[p].half_lower,
                     d, limit.data(), value.data(), below.data(), nullptr);
        for (int r = 0; r < n; ++r) {
          const int64_t i = at + r;
          bool have_x = false;
          for (uint32_t bits = below[r]; bits; bits &= bits - 1) {
            const int64_t j = columns_begin + p * kPanel + __builtin_ctz(bits);
            if (j <= i || (mine.distance2 == 0 && !ahead({0, i, j}, mine))) continue;
            if (!have_x) reader.canonical(i, x.data());
            have_x = true;
            reader.canonical(j, y.data());
            const ClosestPair pair = {kernels.distance2(x.data(), y.data(), width), i, j};
            if (!ahead(pair, mine)) continue;
            mine = pair;
            set_limits();
          }
        }
      }
    };
    for (const auto [from, to] : share)
      for (int64_t at = from; at < to; at += tile_rows)
        look_at_tile(at, static_cast<int>(std::min<int64_t>(tile_rows, to - at)));
    exchange();
  });
}

}  // namespace pyuniform
