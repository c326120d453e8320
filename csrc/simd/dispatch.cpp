#include "simd/kernels.h"

namespace pyuniform {
namespace {

// Kernels that may run here, worst first, then nulls.
struct Available {
  const Kernels* list[5] = {};

  Available() {
    int count = 0;
    list[count++] = &kernels_base;
#ifdef PYUNIFORM_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      list[count++] = &kernels_avx2;
#ifdef PYUNIFORM_EMULATE_AVX512
      list[count++] = &kernels_avx512;
      list[count++] = &kernels_vnni;
      return;
#endif
      if (__builtin_cpu_supports("avx512f")) {
        list[count++] = &kernels_avx512;
        if (__builtin_cpu_supports("avx512vnni")) list[count++] = &kernels_vnni;
      }
    }
#endif
  }
};

const Available available;

}  // namespace

const Kernels* const* available_kernels() { return available.list; }

}  // namespace pyuniform
