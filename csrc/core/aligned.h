// Cache lines: arrays aligned to them, since a vector that straddled two would cost two loads, and
// those that are asked for before they are needed.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

namespace pyuniform {

struct AlignedDelete {
  void operator()(void* p) const { ::operator delete[](p, std::align_val_t(64)); }
};

template <typename T>
using AlignedArray = std::unique_ptr<T[], AlignedDelete>;

template <typename T>
AlignedArray<T> aligned_array(size_t count) {
  return AlignedArray<T>(
      static_cast<T*>(::operator new[](count * sizeof(T), std::align_val_t(64))));
}

// Asks memory for `bytes` bytes before they are needed, wherever they begin: the last are in a line
// of their own, most often.
inline void prefetch_bytes(const void* from, int64_t bytes) {
  // GCC takes a function that only prefetches for one without effects, and drops calls of it.
  asm volatile("");
  const char* begin = static_cast<const char*>(from);
  for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(begin + b);
  __builtin_prefetch(begin + bytes - 1);
}

template <typename T>
void prefetch_value(const T& value) {
  prefetch_bytes(&value, sizeof value);
}

}  // namespace pyuniform
