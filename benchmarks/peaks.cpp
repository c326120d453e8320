// What one core can do at most: register-only multiply-adds (independent accumulators, no memory
// traffic), and reading. ceilings.py compiles this into a shared library for the machine it runs
// on, and calls it between measurements; the vector width follows from the flags.
#include <chrono>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
constexpr int kBytes = 64, kAccumulators = 24;
#elif defined(__AVX__)
constexpr int kBytes = 32, kAccumulators = 12;
#else
constexpr int kBytes = 16, kAccumulators = 12;
#endif
typedef float Vector __attribute__((vector_size(kBytes)));

// Keeps a value in a register, and the compiler from knowing anything about it.
#if defined(__x86_64__)
#define OPAQUE(v) asm volatile("" : "+v"(v))
#else
#define OPAQUE(v) asm volatile("" : "+w"(v))
#endif

namespace {

template <int N>
struct Accumulators {
  Vector head;
  Accumulators<N - 1> tail;

  void step(Vector a, Vector b) {
    head = head * a + b;
    tail.step(a, b);
  }
  void hold() {
    OPAQUE(head);
    tail.hold();
  }
};

template <>
struct Accumulators<0> {
  void step(Vector, Vector) {}
  void hold() {}
};

}  // namespace

// 1e9 multiply-adds a second, float32, over about `steps` times the number of accumulators
// multiply-adds of a vector.
extern "C" double fma_peak(long steps) {
  Vector a = {}, b = {};
  OPAQUE(a);
  OPAQUE(b);
  Accumulators<kAccumulators> sums = {};
  const auto begin = std::chrono::steady_clock::now();
  for (long i = 0; i < steps; ++i) {
    sums.hold();
    sums.step(a, b);
  }
  sums.hold();
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
  return 1.0 * steps * kAccumulators * (kBytes / sizeof(float)) / time.count();
}

#if defined(__AVX2__) || defined(__ARM_FEATURE_DOTPROD)
// The same in int8, by the instructions that the code tile uses; with AVX2 without those that take
// sums of a segment on to 32 bits, one in twelve.
extern "C" double int8_peak(long steps) {
#if defined(__AVX512VNNI__)
  constexpr int kSums = 24, kMadds = 64;
  using Integers = __m512i;
  auto step = [](Integers sum, Integers a, Integers b) { return _mm512_dpbusd_epi32(sum, a, b); };
#elif defined(__ARM_FEATURE_DOTPROD)
  constexpr int kSums = 24, kMadds = 16;
  using Integers = int32x4_t;
  auto step = [](Integers sum, Integers a, Integers b) {
    return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
  };
#elif defined(__AVXVNNI__)
  constexpr int kSums = 12, kMadds = 32;
  using Integers = __m256i;
  auto step = [](Integers sum, Integers a, Integers b) {
    return _mm256_dpbusd_avx_epi32(sum, a, b);
  };
#else
  constexpr int kSums = 12, kMadds = 32;
  using Integers = __m256i;
  auto step = [](Integers sum, Integers a, Integers b) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, b));
  };
#endif
  Integers a = {}, b = {}, sums[kSums] = {};
  OPAQUE(a);
  OPAQUE(b);
  const auto begin = std::chrono::steady_clock::now();
  for (long i = 0; i < steps; ++i) {
#pragma GCC unroll 24
    for (int s = 0; s < kSums; ++s) {
      sums[s] = step(sums[s], a, b);
      OPAQUE(sums[s]);
      OPAQUE(a);  // not the same product again
    }
  }
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
  return 1.0 * steps * kSums * kMadds / time.count();
}
#endif

// 1e9 bytes a second, read once in order; their sum comes back too, so that none is left out.
extern "C" double read_rate(const char* data, long bytes, float* sum) {
  constexpr int kSums = 8;
  Vector sums[kSums] = {};
  const auto begin = std::chrono::steady_clock::now();
  for (long at = 0; at + kSums * kBytes <= bytes; at += kSums * kBytes) {
    for (int s = 0; s < kSums; ++s) {
      Vector values;
      std::memcpy(&values, data + at + s * kBytes, kBytes);
      sums[s] += values;
    }
  }
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
  for (int s = 1; s < kSums; ++s) sums[0] += sums[s];
  *sum = sums[0][0];
  return bytes / time.count();
}
