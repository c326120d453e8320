#include "simd/tables.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif
#if defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace pyuniform {
namespace {

#ifdef __x86_64__
bool has_avxvnni() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 4 & 1;
}
#endif

#ifdef __aarch64__
bool has_dotprod() {
#if defined(__linux__)
  return getauxval(AT_HWCAP) >> 20 & 1;  // HWCAP_ASIMDDP
#elif defined(__APPLE__)
  int has = 0;
  size_t size = sizeof has;
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, nullptr, 0) == 0 && has;
#else
  return false;
#endif
}
#endif

// Kernels that may run here, worst first, then nulls.
struct Available {
  const Kernels* list[6] = {};

  Available() {
    const Kernels** next = list;
    *next++ = &kernels_base;
#ifdef __x86_64__
#ifdef PYUNIFORM_EMULATE_AVX512
    constexpr bool emulated = true;
#else
    constexpr bool emulated = false;
#endif
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
    *next++ = &kernels_avx2;
#ifdef PYUNIFORM_AVXVNNI
    if (emulated || has_avxvnni()) *next++ = &kernels_avxvnni;
#endif
    if (!emulated && !__builtin_cpu_supports("avx512f")) return;
    *next++ = &kernels_avx512;
    if (emulated || __builtin_cpu_supports("avx512vnni")) *next++ = &kernels_vnni;
#endif
#ifdef __aarch64__
    *next++ = &kernels_neon;
    if (has_dotprod()) *next++ = &kernels_dotprod;
#endif
  }
};

const Available available;

}  // namespace

const Kernels* const* available_kernels() { return available.list; }

}  // namespace pyuniform
