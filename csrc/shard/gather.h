// Lists of rows, made by several threads and yet in order.
#pragma once

#include <cstdint>
#include <vector>

#include "core/thread_pool.h"
#include "shard/row_state.h"

namespace pyuniform {

// Places that `list` looks at in one call.
constexpr int64_t kGatherStep = 64;

// Makes *out what `list` finds in n places, in order: `list(begin, end, some, left)` puts at most
// as many rows as there are places into `some`, and returns their number. What it adds to `left`
// comes to *all, in order too.
template <typename List>
void gather(int64_t n, int threads, List list, std::vector<int32_t>* out, Survivors* all) {
  threads = useful_threads(10.0 * static_cast<double>(n), threads);
  const int64_t step = even_step(n, kGatherStep, threads);
  std::vector<std::vector<int32_t>> found((n + step - 1) / step);
  std::vector<Survivors> left(found.size());
  in_parallel(0, n, step, threads, [&](Share& share) {
    int32_t some[kGatherStep];
    for (const auto [from, to] : share) {
      std::vector<int32_t>& mine = found[from / step];
      for (int64_t begin = from; begin < to; begin += kGatherStep)
        mine.insert(
            mine.end(), some,
            some + list(begin, std::min(to, begin + kGatherStep), some, &left[from / step]));
    }
  });
  for (Survivors& part : left) all->take(&part);
  out->clear();
  for (const auto& part : found) out->insert(out->end(), part.begin(), part.end());
}

}  // namespace pyuniform
