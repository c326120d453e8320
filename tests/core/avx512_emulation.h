// AVX-512 and AVX-VNNI in AVX2, for machines without: `PYUNIFORM_EMULATE_AVX512=1 pip install .`
// compiles isa_avx512.cpp, isa_vnni.cpp and isa_avxvnni.cpp with this, and needs SIMDe (Debian:
// libsimde-dev).
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

// What SIMDe 0.7.4 lacks.

static inline simde__m512 emulated_cvtepi32_ps(simde__m512i x) {
  int32_t from[16];
  float to[16];
  simde_mm512_storeu_si512(from, x);
  for (int l = 0; l < 16; ++l) to[l] = static_cast<float>(from[l]);
  return simde_mm512_loadu_ps(to);
}

static inline simde__m512d emulated_cvtps_pd(__m256 x) {
  float from[8];
  double to[8];
  _mm256_storeu_ps(from, x);
  for (int l = 0; l < 8; ++l) to[l] = from[l];
  return simde_mm512_loadu_pd(to);
}

static inline double emulated_reduce_add_pd(simde__m512d x) {
  double lanes[8], sum = 0;
  simde_mm512_storeu_pd(lanes, x);
  for (double lane : lanes) sum += lane;
  return sum;
}

#define _mm256_dpbusd_avx_epi32 simde_mm256_dpbusd_epi32
#define _mm512_cvtepi32_ps emulated_cvtepi32_ps
#define _mm512_cvtps_pd emulated_cvtps_pd
#define _mm512_reduce_add_pd emulated_reduce_add_pd
