// Kernels on the CPU, for ctypes: those of csrc/cuda, also at sizes that suit fibres, and those
// that test the shim. With SHIM_FLUSH, as a compiler makes them that flushes to zero.
#include <map>
#include <utility>

#ifdef SHIM_FLUSH
#include "cuda_shim_flush.h"
#else
#include "cuda_shim.h"
#endif

#include "clouds.cu"
#include "greedy_pool.cu"

#define POOL(kThreads, kMembers)                                                                  \
  void pool_##kThreads##x##kMembers(                                                              \
      const double* values, int width, int capacity, const float* bounds, double unit2,           \
      const int* rows, const int* count, double* bound, int* nearest, int* seen, int* proven,     \
      float* second, const long long* work, const double* outside2, const long long* outside_row, \
      int limit, int before, unsigned* pending, double* answer, int* picked, int* picked_count) { \
    using namespace pyuniform;                                                                    \
    __shared__ Board<kThreads, kMembers> board;                                                   \
    const Candidates pool = {values, width, capacity, bounds, unit2, rows, *count};               \
    const State state = {bound, nearest, seen, proven, second};                                   \
    const Answer result = {answer, picked, picked_count};                                         \
    if (threadIdx.x < 2) answer[Answer::kFiltered + threadIdx.x] = work[threadIdx.x];             \
    GreedyPool<kThreads, kMembers> greedy(pool, state, result, pending, board);                   \
    greedy.run(*outside2, *outside_row, limit, before);                                           \
  }
POOL(32, 1)
POOL(32, 4)
POOL(64, 2)
POOL(64, 4)
POOL(64, 16)
POOL(128, 2)
POOL(256, 1)
POOL(256, 8)
POOL(512, 1)
POOL(512, 2)
POOL(512, 4)
POOL(512, 8)
POOL(512, 16)
POOL(1024, 1)

#define CLOUDS(kThreads, kDim, kSlots)                                                      \
  void clouds_##kThreads##x##kDim##x##kSlots(                                               \
      const float* points, int clouds, int n, int k, const long long* start, int team,      \
      double* distance2, unsigned long long* letters, long long* indices, double* radii2) { \
    using namespace pyuniform;                                                              \
    __shared__ CloudBoard<kThreads> board;                                                  \
    const Clouds all = {points, clouds, n, k, start, distance2, letters, indices, radii2};  \
    CloudTraversal<kThreads, kDim, kSlots>(all, team, board).run();                         \
  }
#define CLOUDS_OF_DIM(kDim) CLOUDS(64, kDim, 3) CLOUDS(64, kDim, 0)
CLOUDS_OF_DIM(1)
CLOUDS_OF_DIM(2)
CLOUDS_OF_DIM(3)
CLOUDS_OF_DIM(4)
CLOUDS_OF_DIM(5)
CLOUDS_OF_DIM(6)
CLOUDS_OF_DIM(7)
CLOUDS_OF_DIM(8)
CLOUDS(512, 1, 1)
CLOUDS(512, 2, 1)
CLOUDS(512, 3, 1)
CLOUDS(512, 4, 1)
CLOUDS(512, 5, 1)
CLOUDS(512, 6, 1)
CLOUDS(512, 7, 1)
CLOUDS(512, 8, 1)
CLOUDS(512, 3, 2)
CLOUDS(512, 3, 4)
CLOUDS(512, 3, 8)
CLOUDS(512, 3, 0)

void sum_of_block(const int* values, int* total) {
  __shared__ int sums[32];
  int sum = values[blockIdx.x * blockDim.x + threadIdx.x];
  for (int half = 16; half > 0; half /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, half);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0)
    for (unsigned w = 0; w < blockDim.x / 32; ++w) atomicAdd(total, sums[w]);
}

void sum_without_barrier(const int* values, int* total) {
  __shared__ int sums[64];
  sums[threadIdx.x] = 0;
  sums[threadIdx.x] = values[threadIdx.x];
  if (threadIdx.x == 0)
    for (unsigned t = 0; t < blockDim.x; ++t) atomicAdd(total, sums[t]);
}

void votes(unsigned* out) {
  const unsigned lane = threadIdx.x;
  const unsigned odd = __ballot_sync(0xffffffffu, lane % 2);
  const unsigned largest = __reduce_max_sync(0xffffffffu, lane ^ 5);
  const unsigned least = __reduce_min_sync(0xffffffffu, lane + 3);
  const double shuffled = __shfl_sync(0xffffffffu, lane + 0.5, 7);
  if (lane == 9) {
    out[0] = odd;
    out[1] = largest;
    out[2] = least;
    out[3] = shuffled == 7.5;
  }
}

void divergent_barriers(int* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  *out = 1;
}

void early_return(int* out) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  *out = 1;
}

void lost_lane(int* out) {
  if (threadIdx.x % 32 != 5) *out = __ballot_sync(0xffffffffu, 1);
}

void meeting(volatile int* flags, int* out) {
  flags[blockIdx.x] = 1;
  for (unsigned b = 0; b < gridDim.x; ++b)
    while (flags[b] == 0) __nanosleep(20);
  atomicAdd(out, 1);
}

namespace {

using Launch = std::function<void(void**)>;

template <class... Arguments, size_t... I>
Launch unpacked(void (*kernel)(Arguments...), std::index_sequence<I...>) {
  return [=](void** arguments) { kernel(*static_cast<Arguments*>(arguments[I])...); };
}

template <class... Arguments>
Launch unpacked(void (*kernel)(Arguments...)) {
  return unpacked(kernel, std::index_sequence_for<Arguments...>());
}

#define NAMED(kernel) {#kernel, unpacked(kernel)}
const std::map<std::string, Launch> kernels = {
    NAMED(greedy_pool),    NAMED(pool_32x1),      NAMED(pool_32x4),
    NAMED(pool_64x2),      NAMED(pool_64x4),      NAMED(pool_64x16),
    NAMED(pool_128x2),     NAMED(pool_256x1),     NAMED(pool_256x8),
    NAMED(pool_512x1),     NAMED(pool_512x2),     NAMED(pool_512x4),
    NAMED(pool_512x8),     NAMED(pool_512x16),    NAMED(pool_1024x1),
    NAMED(clouds),         NAMED(sum_of_block),   NAMED(sum_without_barrier),
    NAMED(votes),          NAMED(early_return),   NAMED(divergent_barriers),
    NAMED(lost_lane),      NAMED(meeting),        NAMED(clouds_64x1x0),
    NAMED(clouds_64x1x3),  NAMED(clouds_64x2x0),  NAMED(clouds_64x2x3),
    NAMED(clouds_64x3x0),  NAMED(clouds_64x3x3),  NAMED(clouds_64x4x0),
    NAMED(clouds_64x4x3),  NAMED(clouds_64x5x0),  NAMED(clouds_64x5x3),
    NAMED(clouds_64x6x0),  NAMED(clouds_64x6x3),  NAMED(clouds_64x7x0),
    NAMED(clouds_64x7x3),  NAMED(clouds_64x8x0),  NAMED(clouds_64x8x3),
    NAMED(clouds_512x1x1), NAMED(clouds_512x2x1), NAMED(clouds_512x3x1),
    NAMED(clouds_512x4x1), NAMED(clouds_512x5x1), NAMED(clouds_512x6x1),
    NAMED(clouds_512x7x1), NAMED(clouds_512x8x1), NAMED(clouds_512x3x0),
    NAMED(clouds_512x3x2), NAMED(clouds_512x3x4), NAMED(clouds_512x3x8)};

}  // namespace

// As cuLaunchKernel takes them, `arguments` are addresses of values. Returns what went wrong.
extern "C" const char* launch(const char* name, int blocks, int threads, int together, int order,
                              void** arguments) {
  const auto found = kernels.find(name);
  if (found == kernels.end()) return "no such kernel";
  return shim::launch({unsigned(blocks), 1, 1}, threads, together != 0, order,
                      [&] { found->second(arguments); });
}
