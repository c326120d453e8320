// What the sources of the instruction sets give to each other and to dispatch.cpp.
#pragma once

#include "simd/kernels.h"

// Compilers that know AVX-VNNI.
#if defined(__x86_64__) && (__clang_major__ >= 13 || (!defined(__clang__) && __GNUC__ >= 11))
#define PYUNIFORM_AVXVNNI
#endif

namespace pyuniform {

extern const Kernels kernels_base;

#ifdef __x86_64__
extern const Kernels kernels_avx2, kernels_avxvnni, kernels_avx512, kernels_vnni;
CodeTile code_tile_avx2, sketch_tile_avx2, code_tile_avxvnni, code_tile_vnni;

// For AVX2, whose products of two bytes, a row's without a sign, are added in pairs: 2 * 255 * 64,
// and (252 + 2.5) * (126 + 2.5), where 2.5 is for the 24 columns of half a segment, are below 2^15.
constexpr CodeLimits kRowCodesAvx2 = {127, 252}, kPickCodesAvx2 = {64, 126};
#endif

#ifdef __aarch64__
extern const Kernels kernels_neon, kernels_dotprod;
CodeTile code_tile_dotprod;
#endif

}  // namespace pyuniform
