// Arrays aligned to cache lines: a vector that straddled two would cost two loads.
#pragma once

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

}  // namespace pyuniform
