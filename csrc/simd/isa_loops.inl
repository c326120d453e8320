// Loops that the compiler vectorises well by itself, compiled once per instruction set: each
// isa_*.cpp includes this file inside its own anonymous namespace, so that no two builds of a loop
// share a symbol. An includer may define PYUNIFORM_WIDEN_F16 to replace the portable half
// conversion.

// The last values of a row, padded with zeros: rows in memory are not, and what lies behind them
// may not be read.
template <typename T>
struct Tail {
  Tail(const T* x, int64_t count) { __builtin_memcpy(values, x, count * sizeof(T)); }
  T values[kLanes] = {};
};

template <typename T>
void widen_values(const void* source, int64_t d, double* out) {
  const T* x = static_cast<const T*>(source);
  for (int64_t j = 0; j < d; ++j) out[j] = static_cast<double>(x[j]);
}

inline double from_bits(uint64_t bits) {
  double value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

inline void widen_bf16(const uint16_t* x, int64_t d, double* out) {
  for (int64_t j = 0; j < d; ++j) {
    const uint32_t bits = static_cast<uint32_t>(x[j]) << 16;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    out[j] = value;
  }
}

#ifndef PYUNIFORM_WIDEN_F16
inline void widen_f16(const uint16_t* x, int64_t d, double* out) {
  for (int64_t j = 0; j < d; ++j) {
    const uint64_t sign = static_cast<uint64_t>(x[j] & 0x8000u) << 48;
    const uint64_t magnitude = x[j] & 0x7fffu;
    // The exponent and mantissa land in a double's fields; the factor 2^(1023 - 15) re-biases the
    // exponent, and turns subnormal halves into normal doubles on the way.
    const double value = magnitude >= 0x7c00u
                             ? from_bits(0x7ff0000000000000u | (magnitude & 0x3ffu) << 42)
                             : from_bits(magnitude << 42) * 0x1p1008;
    uint64_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    out[j] = from_bits(bits | sign);
  }
}
#endif

void widen(const void* source, DType dtype, int64_t d, double* out) {
  switch (dtype) {
    case DType::f32:
      return widen_values<float>(source, d, out);
    case DType::f64:
      return widen_values<double>(source, d, out);
    case DType::i8:
      return widen_values<int8_t>(source, d, out);
    case DType::u8:
      return widen_values<uint8_t>(source, d, out);
    case DType::bf16:
      return widen_bf16(static_cast<const uint16_t*>(source), d, out);
    case DType::f16:
      return widen_f16(static_cast<const uint16_t*>(source), d, out);
  }
}

// The largest pattern of bits without the sign: that of the largest magnitude, or of a value that
// is not finite.
template <typename Bits>
Bits largest_bits(const void* source, int64_t d) {
  const Bits* x = static_cast<const Bits*>(source);
  constexpr Bits magnitude = static_cast<Bits>(~Bits{0}) >> 1;
  Bits largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t j = 0; j < d; ++j) {
    const Bits bits = x[j] & magnitude;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

template <typename T>
double largest_integer(const void* source, int64_t d) {
  const T* x = static_cast<const T*>(source);
  int32_t largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t j = 0; j < d; ++j) {
    const int32_t magnitude = x[j] < 0 ? -static_cast<int32_t>(x[j]) : x[j];
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

double largest(const void* source, DType dtype, int64_t d) {
  double value = 0;
  switch (dtype) {
    case DType::f32: {
      const uint32_t bits = largest_bits<uint32_t>(source, d);
      widen(&bits, dtype, 1, &value);
      break;
    }
    case DType::f64: {
      const uint64_t bits = largest_bits<uint64_t>(source, d);
      widen(&bits, dtype, 1, &value);
      break;
    }
    case DType::f16:
    case DType::bf16: {
      const uint16_t bits = largest_bits<uint16_t>(source, d);
      widen(&bits, dtype, 1, &value);
      break;
    }
    case DType::i8:
      return largest_integer<int8_t>(source, d);
    case DType::u8:
      return largest_integer<uint8_t>(source, d);
  }
  return value;
}

WordSums sum_words(const void* source, int64_t bytes) {
  const char* x = static_cast<const char*>(source);
  WordSums sums = {0, 0};
  int64_t j = 0;
#ifdef __AVX2__
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
#endif
  for (; 8 * j < bytes; ++j) {
    const int64_t left = bytes - 8 * j;
    uint64_t word = 0;
    __builtin_memcpy(&word, x + 8 * j, left < 8 ? left : 8);
    const uint64_t keyed = word ^ static_cast<uint64_t>(j + 1) * kPrime;
    sums.plain += word;
    sums.products += (keyed & 0xffffffffu) * (keyed >> 32);
  }
  return sums;
}

uint64_t which_above(const double* x, int64_t n, double limit, double* rest) {
  uint64_t bits = 0;
  double largest = *rest;
  int64_t j = 0;
#ifdef __AVX2__
  const __m256d limits = _mm256_set1_pd(limit);
  __m256d four = _mm256_set1_pd(largest);
  for (; j + 4 <= n; j += 4) {
    const __m256d values = _mm256_loadu_pd(x + j), is = _mm256_cmp_pd(values, limits, _CMP_GT_OQ);
    bits |= static_cast<uint64_t>(_mm256_movemask_pd(is)) << j;
    four = _mm256_max_pd(four, _mm256_blendv_pd(values, four, is));
  }
  for (int l = 0; l < 4; ++l) largest = four[l] > largest ? four[l] : largest;
#endif
  for (; j < n; ++j) {
    const bool is = x[j] > limit;
    bits |= static_cast<uint64_t>(is) << j;
    largest = !is && x[j] > largest ? x[j] : largest;
  }
  *rest = largest;
  return bits;
}

// The product and the difference are Wide.
template <typename Wide, typename T>
double pack_values(const void* source, Wide scale, const float* center, int64_t d, float* out) {
  const T* x = static_cast<const T*>(source);
  for (int64_t j = 0; j < d; ++j)
    out[j] = static_cast<float>(static_cast<Wide>(x[j]) * scale - center[j]);
  return sum_squares(out, d);
}

// Whether a float32 times this is exact, but for underflow.
inline bool is_power_of_two(double scale) {
  uint64_t bits;
  __builtin_memcpy(&bits, &scale, sizeof bits);
  return bits << 12 == 0 && scale >= 0x1p-126 && scale <= 0x1p127;
}

double pack(const void* source, DType dtype, double scale, const float* center, int64_t d,
            float* out, double* scratch) {
  switch (dtype) {
    case DType::f32:
      if (is_power_of_two(scale))
        return pack_values<float, float>(source, static_cast<float>(scale), center, d, out);
      return pack_values<double, float>(source, scale, center, d, out);
    case DType::f64:
      return pack_values<double, double>(source, scale, center, d, out);
    default:
      break;
  }
  widen(source, dtype, d, scratch);
  return pack_values<double, double>(scratch, scale, center, d, out);
}

using Eight = float __attribute__((vector_size(32)));

float segment_norm(const float* x, int64_t d) {
  float largest = 0;
  for (int64_t begin = 0; begin < d; begin += kSegment) {
    const int64_t end = begin + kSegment < d ? begin + kSegment : d;
    Eight sum = {};
    for (int64_t j = begin; j < end; j += 8) {
      Eight value = {};
      if (j + 8 <= end)
        __builtin_memcpy(&value, x + j, sizeof value);  // of a size the compiler knows
      else
        __builtin_memcpy(&value, x + j, (end - j) * sizeof(float));
      sum += value * value;
    }
    const float first = (sum[0] + sum[4]) + (sum[1] + sum[5]);
    const float second = (sum[2] + sum[6]) + (sum[3] + sum[7]);
    largest = first > largest ? first : largest;
    largest = second > largest ? second : largest;
  }
  return __builtin_sqrtf(largest);
}

float encode(const float* x, int64_t d, int levels, float least_scale, int8_t* code, double* rest2,
             double* norm2) {
  float largest = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t j = 0; j < d; ++j) {
    const float magnitude = x[j] < 0 ? -x[j] : x[j];
    largest = magnitude > largest ? magnitude : largest;
  }
  // No smaller: 1 / scale, and what it is multiplied by, must stay far from overflow.
  const float fitting = largest / static_cast<float>(levels);
  float scale = fitting > least_scale ? fitting : least_scale;
  scale = scale > 0x1p-50f ? scale : 0x1p-50f;
  const float inverse = 1 / scale;
  // Adding 1.5 * 2^23 rounds to an integer.
  auto rounded = [&](int64_t j) { return (x[j] * inverse + 0x1.8p23f) - 0x1.8p23f; };
  if (!rest2) {
#pragma omp simd
    for (int64_t j = 0; j < d; ++j) code[j] = static_cast<int8_t>(static_cast<int32_t>(rounded(j)));
    return scale;
  }
  double rest = 0;
  int64_t squares = 0;
#pragma omp simd reduction(+ : rest, squares)
  for (int64_t j = 0; j < d; ++j) {
    const float whole = rounded(j);
    const int32_t integer = static_cast<int32_t>(whole);
    code[j] = static_cast<int8_t>(integer);
    squares += integer * integer;
    const double left = static_cast<double>(x[j]) - static_cast<double>(scale) * whole;
    rest += left * left;
  }
  *rest2 = rest;
  *norm2 = static_cast<double>(scale) * scale * static_cast<double>(squares);
  return scale;
}

// For d = 16 * Groups columns, which the compiler keeps in registers.
template <int Groups>
void products_of(const uint8_t* x, const int8_t* y, uint32_t bits, int32_t* out) {
  constexpr int64_t d = 16 * Groups;
#ifdef __AVX2__
  __m256i row[Groups + 1];
  for (int g = 0; g < Groups; ++g) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x) + g);
    row[g] = _mm256_cvtepi8_epi16(_mm_xor_si128(bytes, _mm_set1_epi8(-128)));
  }
#endif
  for (; bits; bits &= bits - 1) {
    const int c = __builtin_ctz(bits);
#ifdef __AVX2__
    const __m128i* const pick = reinterpret_cast<const __m128i*>(y + c * d);
    __m256i eight = _mm256_setzero_si256();
    for (int g = 0; g < Groups; ++g)
      eight = _mm256_add_epi32(
          eight, _mm256_madd_epi16(row[g], _mm256_cvtepi8_epi16(_mm_loadu_si128(pick + g))));
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    out[c] = _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
#else
    int32_t sum = 0;
    for (int64_t j = 0; j < d; ++j) sum += (x[j] - 128) * y[c * d + j];
    out[c] = sum;
#endif
  }
}

void products(const uint8_t* x, const int8_t* y, int64_t d, uint32_t bits, int32_t* out) {
  constexpr void (*loops[])(const uint8_t*, const int8_t*, uint32_t, int32_t*) = {
      products_of<0>, products_of<2>, products_of<4>, products_of<6>};
  static_assert(kMostOtherColumns == 3 * kPanel);
  loops[d / kPanel](x, y, bits, out);
}

// The canonical sum of D <= kBoxColumns squares, `square(j)` for j < D: of 16 partial sums the
// others are zero. From 8 on, as they are folded; what is left out adds nothing.
template <int D, int J, int Step, typename Square>
inline double folded(const Square& square) {
  if constexpr (Step == 8) {
    return square(std::integral_constant<int, J>());
  } else if constexpr (J + Step < D) {
    return folded<D, J, 2 * Step>(square) + folded<D, J + Step, 2 * Step>(square);
  } else {
    return folded<D, J, 2 * Step>(square);
  }
}

template <int D>
void nearer_of(const double* const* values, int64_t n, const double* pick, int64_t number,
               double* bound, int64_t* nearest) {
  const double *value[D], *const from = pick;
  for (int j = 0; j < D; ++j) value[j] = values[j];
#pragma omp simd
  for (int64_t r = 0; r < n; ++r) {
    const double distance2 = folded<D, 0, 1>([&](auto j) {
      const double difference = value[j][r] - from[j];
      return difference * difference;
    });
    const bool is = distance2 < bound[r];
    nearest[r] = is ? number : nearest[r];
    bound[r] = is ? distance2 : bound[r];
  }
}

void nearer(const double* const* values, int64_t n, const double* pick, int64_t d, int64_t number,
            double* bound, int64_t* nearest) {
  using Loop = void(const double* const*, int64_t, const double*, int64_t, double*, int64_t*);
  constexpr Loop* loops[kBoxColumns] = {nearer_of<1>, nearer_of<2>, nearer_of<3>, nearer_of<4>,
                                        nearer_of<5>, nearer_of<6>, nearer_of<7>, nearer_of<8>};
  loops[d - 1](values, n, pick, number, bound, nearest);
}

template <int D>
void box_distance2_of(const double* const* picks, int64_t n, const double* low, const double* high,
                      double* out) {
  const double* pick[D];
  for (int j = 0; j < D; ++j) pick[j] = picks[j];
#pragma omp simd
  for (int64_t c = 0; c < n; ++c)
    out[c] = folded<D, 0, 1>([&](auto j) {
      const double below = low[j] - pick[j][c], above = pick[j][c] - high[j];
      const double larger = below > above ? below : above;
      const double gap = larger > 0 ? larger : 0;
      return gap * gap;
    });
}

void box_distance2(const double* const* picks, int64_t n, const double* low, const double* high,
                   int64_t d, double* out) {
  using Loop = void(const double* const*, int64_t, const double*, const double*, double*);
  constexpr Loop* loops[kBoxColumns] = {
      box_distance2_of<1>, box_distance2_of<2>, box_distance2_of<3>, box_distance2_of<4>,
      box_distance2_of<5>, box_distance2_of<6>, box_distance2_of<7>, box_distance2_of<8>};
  loops[d - 1](picks, n, low, high, out);
}

// Written by the includer.
template <typename T>
double distance2_of(const T* x, const T* y, int64_t d);

// These loops, and the includer's own. A constant, so that nothing runs where a processor may not
// have the instructions.
constexpr Kernels kernels_of(const char* name, int tile_rows, int panel_width,
                             decltype(Kernels::tile) tile, CodeLimits row_codes,
                             CodeLimits pick_codes, CodeTile* code_tile, CodeTile* sketch_tile) {
  return {name,
          tile_rows,
          widen,
          largest,
          sum_words,
          which_above,
          pack,
          distance2_of<double>,
          distance2_of<float>,
          panel_width,
          tile,
          segment_norm,
          encode,
          row_codes,
          pick_codes,
          products,
          code_tile,
          sketch_tile,
          nearer,
          box_distance2};
}
