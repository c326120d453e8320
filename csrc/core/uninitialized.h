// Vectors that leave their memory untouched until threads fill it side by side: the first touch of
// a page takes the system longer than filling it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "core/thread_pool.h"

namespace pyuniform {

template <typename T>
struct UninitializedAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };

  template <typename U>
  void construct(U* place) {
    ::new (static_cast<void*>(place)) U;
  }
  template <typename U, typename... Values>
  void construct(U* place, Values&&... values) {
    ::new (static_cast<void*>(place)) U(std::forward<Values>(values)...);
  }
};

// `UninitializedVector<T> x(n)` and `x.resize(n)` set no values.
template <typename T>
using UninitializedVector = std::vector<T, UninitializedAllocator<T>>;

// Makes it n values, of which those from `begin` on are `value`.
template <typename T>
void fill(UninitializedVector<T>* out, int64_t begin, int64_t n, T value, int threads) {
  out->resize(n);
  T* const values = out->data();
  in_parallel(begin, n, even_step(n - begin, 1 << 12, threads), threads, [&](Share& share) {
    for (const auto [first, last] : share) std::fill(values + first, values + last, value);
  });
}

}  // namespace pyuniform
