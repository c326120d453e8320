// The types of values as the user stores them.
#pragma once

#include <cstdint>

namespace pyuniform {

enum class DType : int { f32, f16, bf16, f64, i8, u8 };

inline int64_t item_size(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 8;
    case DType::f32:
      return 4;
    case DType::f16:
    case DType::bf16:
      return 2;
    default:
      return 1;
  }
}

}  // namespace pyuniform
