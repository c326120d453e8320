// Runs CUDA device code on the CPU: one fibre per thread. What the kernels here use, no more.
//
// Fibres run until they wait at a barrier or for the rest of their warp, so nothing runs at the
// same time as anything else, and a missing barrier shows as a result that depends on the order in
// which fibres are resumed: `Order` sets it. A launch fails with a message, and does not hang,
// where fibres wait for what will not come: at different barriers or warp operations, or for
// threads that have returned. Shared memory lies in a section of its own, one copy a block, and
// begins poisoned.
#pragma once

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("shim_shared")))

struct uint3 {
  unsigned x, y, z;
};
struct float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

extern char __start_shim_shared[], __stop_shim_shared[];
// The section exists even if a source has no shared memory.
__attribute__((used, section("shim_shared"))) static char shim_shared_begin[16];

namespace shim {

enum class Order : int { forward, backward, scattered };  // of warps

struct Failure {
  std::string message;
};

constexpr size_t kStack = 128 * 1024;

struct Warp {
  uint64_t value[2][32];
  int operation = 0;
  unsigned arrived = 0, lanes = 0, generation = 0;
};

struct Fibre {
  uint3 thread, block;
  ucontext_t context;
  jmp_buf resume;
  bool started = false, done = false;
  // What it waits for: nothing, the rest of its warp, the rest of its block.
  enum { kReady, kWarp, kBlock } state = kReady;
  bool polling = false;
};

struct Block {
  std::vector<Fibre> fibres;
  std::vector<Warp> warps;
  std::vector<char> shared;
  unsigned waiting = 0, done = 0;
  int barrier = 0;
};

struct Machine {
  std::vector<Block> blocks;
  Block* block = nullptr;
  Fibre* fibre = nullptr;
  uint3 threads{}, grid{};
  const std::function<void()>* kernel = nullptr;
  jmp_buf scheduler;
  std::string failure;
};

inline Machine machine;

inline unsigned lane() { return machine.fibre->thread.x % 32; }
inline Warp& warp() { return machine.block->warps[machine.fibre->thread.x / 32]; }

// Back to the scheduler, until it resumes this fibre. Jumps between stacks need no system call.
__attribute__((noinline)) inline void suspend() {
  if (_setjmp(machine.fibre->resume) == 0) _longjmp(machine.scheduler, 1);
}

[[noreturn]] inline void fail(const std::string& message) {
  machine.failure = message;
  _longjmp(machine.scheduler, 1);
}

inline void enter() {
  (*machine.kernel)();
  machine.fibre->done = true;
  ++machine.block->done;
  _longjmp(machine.scheduler, 1);
}

inline void barrier(int line) {
  Block& block = *machine.block;
  if (block.waiting && block.barrier != line)
    fail("threads wait at barriers of lines " + std::to_string(block.barrier) + " and " +
         std::to_string(line));
  block.barrier = line;
  if (++block.waiting == block.fibres.size()) {
    block.waiting = 0;
    for (Fibre& fibre : block.fibres) fibre.state = Fibre::kReady;
    return;
  }
  machine.fibre->state = Fibre::kBlock;
  suspend();
}

// Gives a value to the warp and returns those of all lanes, once all have come.
template <class T>
const uint64_t* exchange(unsigned mask, T value, int line) {
  static_assert(sizeof(T) <= 8);
  Warp& all = warp();
  if (mask != 0xffffffffu || all.lanes != mask)
    fail("a warp operation without all lanes in line " + std::to_string(line));
  if (all.arrived && all.operation != line)
    fail("lanes of a warp at operations of lines " + std::to_string(all.operation) + " and " +
         std::to_string(line));
  all.operation = line;
  const unsigned side = all.generation % 2;
  all.value[side][lane()] = 0;
  std::memcpy(&all.value[side][lane()], &value, sizeof(T));
  all.arrived |= 1u << lane();
  if (all.arrived == mask) {
    all.arrived = 0;
    ++all.generation;
    const unsigned first = machine.fibre->thread.x / 32 * 32;
    for (unsigned i = 0; i < 32; ++i) machine.block->fibres[first + i].state = Fibre::kReady;
  } else {
    machine.fibre->state = Fibre::kWarp;
    suspend();
  }
  return all.value[side];
}

template <class T>
T read(const uint64_t* values, unsigned lane) {
  T value;
  std::memcpy(&value, values + lane, sizeof(T));
  return value;
}

inline void resume(Fibre& fibre) {
  machine.fibre = &fibre;
  if (_setjmp(machine.scheduler) != 0) return;
  if (fibre.started) _longjmp(fibre.resume, 1);
  fibre.started = true;
  setcontext(&fibre.context);
}

// Whether any fibre of the block could run, and whether one did more than poll.
struct Progress {
  bool ran = false, worked = false;
};

inline void run_fibre(Fibre& fibre, Progress& progress) {
  if (fibre.done || fibre.state != Fibre::kReady) return;
  fibre.polling = false;
  resume(fibre);
  progress.ran = true;
  progress.worked |= !fibre.polling;
}

// Forward, each fibre runs as far as it can alone. Otherwise a warp, and a block, runs until it
// waits for others, so that it is as far ahead of them as can be.
inline Progress run_block(Block& block, Order order) {
  machine.block = &block;
  const size_t size = __stop_shim_shared - __start_shim_shared, warps = block.warps.size();
  std::memcpy(__start_shim_shared, block.shared.data(), size);
  Progress progress;
  for (size_t i = 0; i < warps && machine.failure.empty(); ++i) {
    const size_t w = order == Order::forward    ? i
                     : order == Order::backward ? warps - 1 - i
                                                : i * 37 % warps;
    Progress step;
    do {
      step = {};
      const size_t end = std::min(32 * w + 32, block.fibres.size());
      for (size_t t = 32 * w; t < end && machine.failure.empty(); ++t)
        run_fibre(block.fibres[order == Order::backward ? 32 * w + end - 1 - t : t], step);
      progress.ran |= step.ran;
      progress.worked |= step.worked;
    } while (order != Order::forward && step.worked && machine.failure.empty());
  }
  std::memcpy(block.shared.data(), __start_shim_shared, size);
  return progress;
}

inline void run_together(Order order) {
  constexpr int kPatience = 1000;
  for (int idle = 0; machine.failure.empty();) {
    bool ran = false, worked = false, left = false;
    for (size_t b = 0; b < machine.blocks.size() && machine.failure.empty(); ++b) {
      Block& block = machine.blocks[order == Order::backward ? machine.blocks.size() - 1 - b : b];
      Progress step;
      do {
        step = run_block(block, order);
        ran |= step.ran;
        worked |= step.worked;
      } while (order != Order::forward && step.worked && machine.failure.empty());
      left |= block.done < block.fibres.size();
    }
    if (!left) return;
    idle = worked ? 0 : idle + 1;
    if (!ran && machine.failure.empty())
      machine.failure = "threads wait for others that do not come";
    if (idle > kPatience) machine.failure = "threads poll for what does not come";
  }
}

inline Block make_block(uint3 place, char* stacks) {
  Block block;
  block.fibres.resize(machine.threads.x);
  block.warps.resize((machine.threads.x + 31) / 32);
  block.shared.assign(__stop_shim_shared - __start_shim_shared, char(0xff));
  for (unsigned t = 0; t < machine.threads.x; ++t) {
    Fibre& fibre = block.fibres[t];
    fibre.thread = {t, 0, 0};
    fibre.block = place;
    block.warps[t / 32].lanes |= 1u << t % 32;
    getcontext(&fibre.context);
    fibre.context.uc_stack.ss_sp = stacks + t * kStack;
    fibre.context.uc_stack.ss_size = kStack;
    fibre.context.uc_link = nullptr;
    makecontext(&fibre.context, enter, 0);
  }
  return block;
}

// Runs a kernel, its blocks one after the other or, if `together`, in turns. Returns what went
// wrong, or an empty string. Only the x axis of threads is there.
inline const char* launch(uint3 grid, unsigned threads, bool together, int order,
                          const std::function<void()>& kernel) {
  const size_t places = grid.x * grid.y, at_once = together ? places : 1;
  const size_t bytes = at_once * threads * kStack;
  char* stacks = static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (stacks == MAP_FAILED) return "no memory for stacks";
  machine.failure.clear();
  machine.threads = {threads, 1, 1};
  machine.grid = grid;
  machine.kernel = &kernel;
  for (size_t begin = 0; begin < places && machine.failure.empty(); begin += at_once) {
    machine.blocks.clear();
    machine.blocks.reserve(at_once);
    for (size_t b = begin; b < begin + at_once; ++b)
      machine.blocks.push_back(make_block({unsigned(b % grid.x), unsigned(b / grid.x), 0},
                                          stacks + (b - begin) * threads * kStack));
    run_together(static_cast<Order>(order));
  }
  machine.blocks.clear();
  munmap(stacks, bytes);
  return machine.failure.c_str();
}

}  // namespace shim

#define threadIdx (shim::machine.fibre->thread)
#define blockIdx (shim::machine.fibre->block)
#define blockDim (shim::machine.threads)
#define gridDim (shim::machine.grid)

#define __syncthreads() shim::barrier(__LINE__)
#define __syncwarp() ((void)shim::exchange(0xffffffffu, 0, __LINE__))
#define __shfl_sync(mask, value, from) \
  shim::read<std::decay_t<decltype(value)>>(shim::exchange(mask, value, __LINE__), (from) % 32)
#define __shfl_xor_sync(mask, value, flip)                                         \
  shim::read<std::decay_t<decltype(value)>>(shim::exchange(mask, value, __LINE__), \
                                            shim::lane() ^ (flip))
#define __ballot_sync(mask, vote) shim::ballot(shim::exchange(mask, bool(vote), __LINE__))
#define __any_sync(mask, vote) int(__ballot_sync(mask, vote) != 0)
#define __reduce_max_sync(mask, value) \
  shim::extreme(shim::exchange(mask, unsigned(value), __LINE__), true)
#define __reduce_min_sync(mask, value) \
  shim::extreme(shim::exchange(mask, unsigned(value), __LINE__), false)

namespace shim {

inline unsigned ballot(const uint64_t* votes) {
  unsigned word = 0;
  for (unsigned i = 0; i < 32; ++i) word |= unsigned(votes[i] & 1) << i;
  return word;
}

inline unsigned extreme(const uint64_t* values, bool largest) {
  unsigned found = unsigned(values[0]);
  for (unsigned i = 1; i < 32; ++i)
    if (largest ? unsigned(values[i]) > found : unsigned(values[i]) < found)
      found = unsigned(values[i]);
  return found;
}

template <class To, class From>
To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

}  // namespace shim

// Where a thread polls, others must get their turn.
inline void __nanosleep(unsigned) {
  shim::machine.fibre->polling = true;
  shim::suspend();
}
inline void __threadfence() {}

template <class T>
T atomicAdd(T* at, T value) {
  const T before = *at;
  *at += value;
  return before;
}
template <class T>
T atomicMax(T* at, T value) {
  const T before = *at;
  if (value > before) *at = value;
  return before;
}

// Compiled with -ffp-contract=off, each operation is rounded by itself.
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline float __double2float_ru(double x) {
  const float nearest = static_cast<float>(x);
  return nearest < x ? std::nextafterf(nearest, INFINITY) : nearest;
}
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __float_as_int(float x) { return shim::bits<int>(x); }
inline float __int_as_float(int x) { return shim::bits<float>(x); }
inline long long __double_as_longlong(double x) { return shim::bits<long long>(x); }
inline double __longlong_as_double(long long x) { return shim::bits<double>(x); }
