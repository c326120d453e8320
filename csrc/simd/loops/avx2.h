// Loops of AVX2, which AVX-512 has too.
#pragma once

#include <immintrin.h>

#include "simd/loops/portable.h"

namespace pyuniform {
namespace {

struct WithAvx2 : Portable {
  static WordSums sum_words(const void* source, int64_t bytes) {
    const char* x = static_cast<const char*>(source);
    WordSums sums = {0, 0};
    int64_t j = 0;
    // Compilers do not see that a product of halves is one instruction.
    const __m256i first = _mm256_set_epi64x(4 * kPrime, 3 * kPrime, 2 * kPrime, kPrime);
    const __m256i step = _mm256_set1_epi64x(4 * kPrime);
    __m256i key = first, plain = _mm256_setzero_si256(), products = plain;
    for (; 8 * (j + 4) <= bytes; j += 4) {
      const __m256i word = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + 8 * j));
      const __m256i keyed = _mm256_xor_si256(word, key);
      plain = _mm256_add_epi64(plain, word);
      products = _mm256_add_epi64(products, _mm256_mul_epu32(keyed, _mm256_srli_epi64(keyed, 32)));
      key = _mm256_add_epi64(key, step);
    }
    uint64_t four[2][4];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(four[0]), plain);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(four[1]), products);
    for (int l = 0; l < 4; ++l) {
      sums.plain += four[0][l];
      sums.products += four[1][l];
    }
    return words_from(j, x, bytes, sums);
  }

  static uint64_t which_above(const double* x, int64_t n, double limit, double* rest) {
    uint64_t bits = 0;
    double largest = *rest;
    int64_t j = 0;
    const __m256d limits = _mm256_set1_pd(limit);
    __m256d four = _mm256_set1_pd(largest);
    for (; j + 4 <= n; j += 4) {
      const __m256d values = _mm256_loadu_pd(x + j), is = _mm256_cmp_pd(values, limits, _CMP_GT_OQ);
      bits |= static_cast<uint64_t>(_mm256_movemask_pd(is)) << j;
      four = _mm256_max_pd(four, _mm256_blendv_pd(values, four, is));
    }
    for (int l = 0; l < 4; ++l) largest = four[l] > largest ? four[l] : largest;
    *rest = largest;
    return bits | above_from(j, x, n, limit, rest);
  }

  // For d = 16 * Groups columns, which the compiler keeps in registers.
  template <int Groups>
  static void products(const uint8_t* x, const int8_t* y, uint32_t bits, int32_t* out) {
    constexpr int64_t d = 16 * Groups;
    __m256i row[Groups + 1];
    for (int g = 0; g < Groups; ++g) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x) + g);
      row[g] = _mm256_cvtepi8_epi16(_mm_xor_si128(bytes, _mm_set1_epi8(-128)));
    }
    for (; bits; bits &= bits - 1) {
      const int c = __builtin_ctz(bits);
      const __m128i* const pick = reinterpret_cast<const __m128i*>(y + c * d);
      __m256i eight = _mm256_setzero_si256();
      for (int g = 0; g < Groups; ++g)
        eight = _mm256_add_epi32(
            eight, _mm256_madd_epi16(row[g], _mm256_cvtepi8_epi16(_mm_loadu_si128(pick + g))));
      __m128i four =
          _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
      four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
      out[c] = _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
    }
  }
};

}  // namespace
}  // namespace pyuniform
