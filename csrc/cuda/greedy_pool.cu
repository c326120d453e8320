// Exact greedy among the candidates of one round (pool.h), by one block that stays. It takes what
// is known of the candidates from the state of all rows, and puts back what it found.
//
// Thread t owns kMembers members: their distances, thresholds and pending picks stay in its
// registers. A pick costs one barrier: every warp writes down the best of its members, and after
// the barrier every warp finds the leader among those by itself. All threads then load their part
// of the leader's row of `bounds`, whether or not the leader will be picked: that load takes
// longest. A leader with pending picks is compared with them first, a warp a pick, at the cost of
// one more barrier. Only the warp that owns the leader searches its members again.
#include "race.cuh"

#ifndef POOL_THREADS
#define POOL_THREADS 512
#endif
#ifndef POOL_MEMBERS
#define POOL_MEMBERS 8
#endif

namespace pyuniform {

struct Candidates {
  const double* values;  // capacity x width canonical rows
  int width, capacity;
  const float* bounds;  // capacity x capacity: times unit2 a lower bound of the squared distance
  double unit2;
  const int* rows;  // capacity: their numbers, unique and not negative
  int count;        // members in use
};

// What is known of each row (kernels/relax.py), by its number.
struct State {
  double* bound;  // squared distance to the nearest pick; -1 for picks
  int* nearest;   // that pick's number
  int* seen;      // picks that `bound` accounts for, from the first on
  int* proven;    // picks that need no second look
  float* second;  // infinite: nothing is left open
};

// The answer to the host: doubles, so that one copy brings all. Row numbers are exact in them.
struct Answer {
  enum Place { kPicks, kCandidates, kOutside2, kLargest, kFiltered, kDecided, kHeader };
  double* values;  // kHeader numbers, `capacity` rows, `capacity` squared radii
  int* picked;     // capacity: the rows again, for the next kernel
  int* count;      // 1
};

// What a warp writes down for all: its best member, and the last picks that one has pending.
struct Best {
  int place;
  unsigned word;
};

template <int kThreads, int kMembers>
struct Board {
  static constexpr int kWarps = kThreads / 32;
  Key key[2][kWarps];
  Best best[2][kWarps];
  double found[kWarps];
  int found_pick[kWarps];
  unsigned short picked[kThreads * kMembers];  // places of picks
  // Of each member, the groups of words in memory that may have bits: the last picks, as many as
  // are no multiple of 32, are in registers.
  unsigned short older[kThreads * kMembers];
};

// The place of a float in the order of all floats, and back.
__device__ inline int order_of(float x) {
  const int bits = __float_as_int(x);
  return bits < 0 ? bits ^ 0x7fffffff : bits;
}

__device__ inline float float_of(int order) {
  return __int_as_float(order < 0 ? order ^ 0x7fffffff : order);
}

// The smallest float b that has b * unit2 >= distance2 in float64: smaller bounds leave a pick
// pending. One comparison of floats a member then does for two conversions and a product.
__device__ inline float threshold(double distance2, double unit2) {
  const auto pends = [&](int order) {
    return __dmul_rn(static_cast<double>(float_of(order)), unit2) < distance2;
  };
  const int infinity = 0x7f800000;
  long long low = order_of(-3.402823466e38f) - 1ll, high = infinity;
  const int guess = order_of(static_cast<float>(distance2 / unit2));
  // A quotient that is no number proves nothing, and leaves the whole range.
  if (guess > -infinity && guess <= infinity) {
    if (guess - 2 > low && pends(guess - 2)) low = guess - 2;
    if (guess + 1 < high && !pends(guess + 1)) high = guess + 1;
  }
  while (high - low > 1) {
    const int middle = static_cast<int>((low + high) >> 1);
    (pends(middle) ? low : high) = middle;
  }
  return float_of(static_cast<int>(high));
}

template <int kThreads, int kMembers>
class GreedyPool {
  static constexpr int kWarps = kThreads / 32;
  // Members of a thread lie in runs of four, so that a run is one load.
  static constexpr int kRun = kMembers < 4 ? kMembers : 4;
  // Where registers are short, fewer loads are under way, and a row is loaded when it is needed.
  static constexpr bool kEarly = kMembers <= 8;
  static constexpr int kDepth = kMembers <= 4 ? 12 : kEarly ? 8 : 2;
  static constexpr int kGroups = 16;

 public:
  __device__ GreedyPool(const Candidates& pool, const State& state, const Answer& answer,
                        unsigned* pending, Board<kThreads, kMembers>& board)
      : pool_(pool), state_(state), answer_(answer), pending_(pending), board_(board) {
    while (((pool.capacity + 31) / 32) >> group_shift_ > kGroups) ++group_shift_;
    const unsigned long long address = reinterpret_cast<unsigned long long>(pool.bounds) |
                                       reinterpret_cast<unsigned long long>(pending);
    in_runs_ = pool.capacity % kRun == 0 && address % (kRun * sizeof(float)) == 0;
#pragma unroll
    for (int v = 0; v < kMembers; ++v) {
      const int m = member(v);
      const bool inside = m < pool.count;
      const double distance2 = inside ? state.bound[pool.rows[m]] : 0;
      key_[v] = inside ? key_of(distance2) : kOut;
      threshold_[v] = inside ? threshold(distance2, pool.unit2) : never();
      word_[v] = 0;
      board.older[m] = 0;
    }
    find_best();
  }

  __device__ void run(double outside2, long long outside_row, int limit, int before) {
    int count = 0;
    Key key;
    for (int side = 0;; side ^= 1) {
      Best leader;
      key = find_leader(side, &leader);
      if (key == kOut || count >= limit) break;
      float row[kMembers];
      if (kEarly) load_row(leader.place, row);
      const unsigned older = board_.older[leader.place];
      const double distance2 = distance2_of(key);
      if (leader.word | older) {
        double found;
        int found_pick;
        compare(leader, older, count, &found, &found_pick);
        forget_pending(leader.place, older, count);
        if (found < distance2) {
          if (threadIdx.x == owner(leader.place)) {
            set_distance2(slot(leader.place), found);
            state_.nearest[pool_.rows[leader.place]] = before + found_pick;
          }
          if (owns_warp(leader.place)) find_best();
          continue;
        }
      }
      if (!(distance2 > outside2 ||
            (distance2 == outside2 && pool_.rows[leader.place] < outside_row)))
        break;
      if (!kEarly) load_row(leader.place, row);
      if (threadIdx.x == owner(leader.place)) {
        take_out(slot(leader.place));
        const int row = pool_.rows[leader.place];
        state_.bound[row] = -1;
        board_.picked[count] = static_cast<unsigned short>(leader.place);
        answer_.picked[count] = row;
        answer_.values[Answer::kHeader + count] = row;
        answer_.values[Answer::kHeader + pool_.capacity + count] = distance2;
      }
#pragma unroll
      for (int v = 0; v < kMembers; ++v)
        word_[v] |= static_cast<unsigned>(row[v] < threshold_[v]) << count % 32;
      if (++count % 32 == 0) put_words(count / 32 - 1);
      if (owns_warp(leader.place)) find_best();
    }
    if (threadIdx.x == 0) {
      *answer_.count = count;
      answer_.values[Answer::kPicks] = count;
      answer_.values[Answer::kCandidates] = pool_.count;
      answer_.values[Answer::kOutside2] = outside2;
      answer_.values[Answer::kLargest] =
          key != kOut && distance2_of(key) > outside2 ? distance2_of(key) : outside2;
    }
    write_members(before, count);
  }

 private:
  // The threshold of who is out of the race: no bound is below it.
  __device__ static float never() { return __int_as_float(static_cast<int>(0xff800000)); }

  __device__ static int lane() { return threadIdx.x % 32; }
  __device__ static int warp() { return threadIdx.x / 32; }

  __device__ static int member(int v) {
    return (v / kRun * kThreads + static_cast<int>(threadIdx.x)) * kRun + v % kRun;
  }
  __device__ static unsigned owner(int place) { return place / kRun % kThreads; }
  __device__ static int slot(int place) { return place / (kThreads * kRun) * kRun + place % kRun; }
  __device__ static bool owns_warp(int place) {
    return static_cast<unsigned>(warp()) == owner(place) / 32;
  }

  // Registers cannot be indexed by what is known at run time only.
  template <class T>
  __device__ static T at(const T (&values)[kMembers], int v) {
    T value = values[0];
#pragma unroll
    for (int u = 1; u < kMembers; ++u) value = u == v ? values[u] : value;
    return value;
  }

  __device__ void set_distance2(int v, double distance2) {
    const float limit = threshold(distance2, pool_.unit2);
#pragma unroll
    for (int u = 0; u < kMembers; ++u) {
      key_[u] = u == v ? key_of(distance2) : key_[u];
      threshold_[u] = u == v ? limit : threshold_[u];
    }
  }

  __device__ void take_out(int v) {
#pragma unroll
    for (int u = 0; u < kMembers; ++u) {
      key_[u] = u == v ? kOut : key_[u];
      threshold_[u] = u == v ? never() : threshold_[u];
    }
  }

  // The best member of this thread, and the lane that has the best of the warp.
  __device__ void find_best() {
    best_key_ = key_[0];
#pragma unroll
    for (int v = 1; v < kMembers; ++v) best_key_ = key_[v] > best_key_ ? key_[v] : best_key_;
    unsigned tied = 0;
#pragma unroll
    for (int v = 0; v < kMembers; ++v) tied |= static_cast<unsigned>(key_[v] == best_key_) << v;
    slot_ = __ffs(static_cast<int>(tied)) - 1;
    if (best_key_ != kOut) {
      for (tied &= tied - 1; tied; tied &= tied - 1) {
        const int v = __ffs(static_cast<int>(tied)) - 1;
        if (pool_.rows[member(v)] < pool_.rows[member(slot_)]) slot_ = v;
      }
    }
    best_lane_ = leading_lane(best_key_, [&] { return pool_.rows[member(slot_)]; });
  }

  // Two sides of the board take turns: who is late may still read the other one.
  __device__ Key find_leader(int side, Best* leader) {
    if (lane() == best_lane_) {
      board_.key[side][warp()] = best_key_;
      board_.best[side][warp()] = {member(slot_), at(word_, slot_)};
    }
    __syncthreads();
    const Key key = lane() < kWarps ? board_.key[side][lane()] : kOut;
    const Best best = board_.best[side][lane() % kWarps];
    const int first = leading_lane(key, [&] { return pool_.rows[best.place]; });
    leader->place = __shfl_sync(kWholeWarp, best.place, first);
    leader->word = __shfl_sync(kWholeWarp, best.word, first);
    return __shfl_sync(kWholeWarp, key, first);
  }

  __device__ void load_row(int place, float (&row)[kMembers]) const {
    const float* bounds = pool_.bounds + static_cast<long long>(place) * pool_.capacity;
#pragma unroll
    for (int v = 0; v < kMembers; v += kRun) {
      const int m = member(v);
      if constexpr (kRun == 4) {
        if (in_runs_ && m < pool_.capacity) {
          const float4 run = *reinterpret_cast<const float4*>(bounds + m);
          row[v] = run.x, row[v + 1] = run.y, row[v + 2] = run.z, row[v + 3] = run.w;
          continue;
        }
      }
      if constexpr (kRun == 2) {
        if (in_runs_ && m < pool_.capacity) {
          const float2 run = *reinterpret_cast<const float2*>(bounds + m);
          row[v] = run.x, row[v + 1] = run.y;
          continue;
        }
      }
#pragma unroll
      for (int u = 0; u < kRun; ++u) row[v + u] = m + u < pool_.capacity ? bounds[m + u] : 0.0f;
    }
  }

  // Pending picks 32 w to 32 w + 31 of all members go to memory, `capacity` words each 32 picks.
  __device__ void put_words(int w) {
    unsigned* words = pending_ + static_cast<long long>(w) * pool_.capacity;
#pragma unroll
    for (int v = 0; v < kMembers; v += kRun) {
      const int m = member(v);
      if constexpr (kRun == 4) {
        if (in_runs_ && m < pool_.capacity)
          *reinterpret_cast<uint4*>(words + m) =
              make_uint4(word_[v], word_[v + 1], word_[v + 2], word_[v + 3]);
      }
      if (kRun < 4 || !in_runs_) {
#pragma unroll
        for (int u = 0; u < kRun; ++u)
          if (m + u < pool_.capacity) words[m + u] = word_[v + u];
      }
    }
#pragma unroll
    for (int v = 0; v < kMembers; ++v) {
      if (word_[v]) board_.older[member(v)] |= 1u << (w >> group_shift_);
      word_[v] = 0;
    }
  }

  __device__ bool in_memory(unsigned older, int w) const {
    return older >> (w >> group_shift_) & 1;
  }

  // The leader's smallest distance to its pending picks, and the earliest of the picks that have
  // it. Warp h takes the picks numbered h, h + kWarps, ...
  __device__ void compare(const Best& leader, unsigned older, int count, double* found,
                          int* found_pick) {
    const int full_words = count / 32;
    const double* row = pool_.values + static_cast<long long>(leader.place) * pool_.width;
    double least = __longlong_as_double(0x7ff0000000000000ll);
    int least_pick = 0;
    for (int begin = older ? 0 : full_words; begin <= full_words; begin += 32) {
      const int w = begin + lane();
      unsigned word = w == full_words ? leader.word : 0;
      if (w < full_words && in_memory(older, w))
        word = pending_[static_cast<long long>(w) * pool_.capacity + leader.place];
      for (int bit = warp(); bit < 32; bit += kWarps) {
        for (unsigned left = __ballot_sync(kWholeWarp, word >> bit & 1); left; left &= left - 1) {
          const int pick = 32 * (begin + __ffs(static_cast<int>(left)) - 1) + bit;
          const double* other =
              pool_.values + static_cast<long long>(board_.picked[pick]) * pool_.width;
          const double distance2 = warp_distance2<kDepth>(row, other, pool_.width);
          if (distance2 < least || (distance2 == least && pick < least_pick)) {
            least = distance2;
            least_pick = pick;
          }
        }
      }
    }
    if (lane() == 0) {
      board_.found[warp()] = least;
      board_.found_pick[warp()] = least_pick;
    }
    __syncthreads();
    // The smallest distance is the one whose bits have the largest complement.
    const double mine = board_.found[lane() % kWarps];
    const int mine_pick = board_.found_pick[lane() % kWarps];
    const Key key = lane() < kWarps ? ~static_cast<Key>(__double_as_longlong(mine)) : kOut;
    const int first = leading_lane(key, [&] { return mine_pick; });
    *found = __shfl_sync(kWholeWarp, mine, first);
    *found_pick = __shfl_sync(kWholeWarp, mine_pick, first);
  }

  // After the barrier of `compare`: nobody reads these words any more.
  __device__ void forget_pending(int place, unsigned older, int count) {
    if (older && warp() == 0)
      for (int w = lane(); w < count / 32; w += 32)
        if (in_memory(older, w)) pending_[static_cast<long long>(w) * pool_.capacity + place] = 0;
    if (threadIdx.x == owner(place)) {
      board_.older[place] = 0;
#pragma unroll
      for (int v = 0; v < kMembers; ++v) word_[v] = v == slot(place) ? 0 : word_[v];
    }
  }

  // What is known of the members that were not picked: their distances, and how many picks these
  // account for. All of them are decided.
  __device__ void write_members(int before, int count) {
#pragma unroll
    for (int v = 0; v < kMembers; ++v) {
      if (key_[v] == kOut) continue;
      const int m = member(v);
      int accounted = count;
      if (word_[v]) accounted = count / 32 * 32 + __ffs(static_cast<int>(word_[v])) - 1;
      if (board_.older[m]) {
        int w = (__ffs(board_.older[m]) - 1) << group_shift_;
        unsigned word;
        while ((word = pending_[static_cast<long long>(w) * pool_.capacity + m]) == 0) ++w;
        accounted = 32 * w + __ffs(static_cast<int>(word)) - 1;
      }
      const int row = pool_.rows[m];
      state_.bound[row] = distance2_of(key_[v]);
      state_.seen[row] = state_.proven[row] = before + accounted;
      state_.second[row] = __int_as_float(0x7f800000);
    }
  }

  const Candidates& pool_;
  const State& state_;
  const Answer& answer_;
  unsigned* pending_;
  Board<kThreads, kMembers>& board_;
  int group_shift_ = 0;  // kGroups groups of words, of 1 << group_shift_ words each
  bool in_runs_;
  Key key_[kMembers];          // of distance2
  float threshold_[kMembers];  // bounds below it leave a pick pending
  unsigned word_[kMembers];    // pending picks not yet in memory
  int slot_, best_lane_;       // this thread's best member; the lane with the warp's best
  Key best_key_;               // of slot_
};

}  // namespace pyuniform

// `pending` is scratch, capacity x ceil(capacity / 32) words; `work` counts pairs filtered and
// pairs decided so far. One block of POOL_THREADS.
extern "C" __global__ void __launch_bounds__(POOL_THREADS, 1)
    greedy_pool(const double* values, int width, int capacity, const float* bounds, double unit2,
                const int* rows, const int* count, double* bound, int* nearest, int* seen,
                int* proven, float* second, const long long* work, const double* outside2,
                const long long* outside_row, int limit, int before, unsigned* pending,
                double* answer, int* picked, int* picked_count) {
  using namespace pyuniform;
  __shared__ Board<POOL_THREADS, POOL_MEMBERS> board;
  const Candidates pool = {values, width, capacity, bounds, unit2, rows, *count};
  const State state = {bound, nearest, seen, proven, second};
  const Answer result = {answer, picked, picked_count};
  if (threadIdx.x < 2) answer[Answer::kFiltered + threadIdx.x] = work[threadIdx.x];
  GreedyPool<POOL_THREADS, POOL_MEMBERS> greedy(pool, state, result, pending, board);
  greedy.run(*outside2, *outside_row, limit, before);
}
