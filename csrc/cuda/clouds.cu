// Farthest-first traversal of a batch of point clouds of at most eight dimensions, by blocks that
// stay.
//
// `team` blocks share a cloud; teams take clouds in turn. Each thread keeps up to CLOUD_SLOTS
// points and their distances in registers, or reads them from memory if CLOUD_SLOTS is 0. A pick
// costs one barrier; where a team has several blocks, each tells the others its best point through
// memory and waits for theirs, so all blocks must be resident (a cooperative launch).
#include "race.cuh"

#ifndef CLOUD_THREADS
#define CLOUD_THREADS 512
#endif
#ifndef CLOUD_DIM
#define CLOUD_DIM 3
#endif
#ifndef CLOUD_SLOTS
#define CLOUD_SLOTS 8
#endif

namespace pyuniform {

struct Clouds {
  const float* points;  // clouds x n x kDim
  int clouds, n, k;
  const long long* start;  // clouds: first picks
  double* distance2;       // teams x n, scratch; used without slots only
  Key* letters;            // teams x 2 x team x 2, zero at first; used by several blocks only
  long long* indices;      // clouds x k, out
  double* radii2;          // clouds x k, out
};

// A point and its key.
struct Runner {
  Key key;
  int point;
};

template <int kThreads>
struct CloudBoard {
  Runner best[2][kThreads / 32];
  Runner all[2];
};

// A float32 squared distance that is not below this, and finite, proves a canonical one of at least
// distance2. In float32, d differences, d squares and d - 1 sums of them lower the result by less
// than a part of (1 + 2^-24)^10 - 1 < 2^-20. Underflow, even if what is below the normal range is
// flushed to zero, takes less than 2^-124 from a difference and 2^-126 from a square: together less
// than a part of 2^-123 and 8 (2^-123 + 2^-126) < 2^-119. The canonical distance is below the true
// one by a part of 2^-49 at most. The sum is never below the normal range itself.
__device__ inline float prefilter(double distance2) {
  return __double2float_ru(distance2 * (1 + 0x1p-19) + 0x1p-119);
}

template <int kThreads, int kDim, int kSlots>
class CloudTraversal {
  static constexpr int kWarps = kThreads / 32;
  // Without slots a thread has as many points as it takes.
  static constexpr bool kResident = kSlots > 0;
  static constexpr int kKept = kResident ? kSlots : 1;

 public:
  __device__ CloudTraversal(const Clouds& clouds, int team, CloudBoard<kThreads>& board)
      : all_(clouds), team_(team), block_(blockIdx.x % team), board_(board) {}

  __device__ void run() {
    const int teams = static_cast<int>(gridDim.x) / team_;
    for (int cloud = static_cast<int>(blockIdx.x) / team_; cloud < all_.clouds; cloud += teams)
      traverse(cloud);
  }

 private:
  __device__ static int lane() { return threadIdx.x % 32; }
  __device__ static int warp() { return threadIdx.x / 32; }

  // The point in a slot of this thread: neighbours hold neighbours.
  __device__ int point(int slot) const {
    return (slot * team_ + block_) * kThreads + static_cast<int>(threadIdx.x);
  }

  __device__ void traverse(int cloud) {
    const long long first_row = static_cast<long long>(cloud) * all_.n;
    points_ = all_.points + first_row * kDim;
    kept2_ = all_.distance2 + static_cast<long long>(blockIdx.x / team_) * all_.n;
    const Key infinite = key_of(__longlong_as_double(0x7ff0000000000000ll));
    if constexpr (kResident) {
#pragma unroll
      for (int s = 0; s < kKept; ++s) {
        const int i = point(s);
        key_[s] = i < all_.n ? infinite : kOut;
        limit_[s] = prefilter(distance2_of(infinite));
#pragma unroll
        for (int j = 0; j < kDim; ++j) x_[s][j] = i < all_.n ? points_[kDim * i + j] : 0.0f;
      }
    } else {
      for (int s = 0, i; (i = point(s)) < all_.n; ++s) kept2_[i] = distance2_of(infinite);
    }
    best_ = {kOut, 0};
    best_lane_ = 0;
    Runner pick = {infinite, static_cast<int>(all_.start[cloud])};
    for (int made = 0;;) {
      if (block_ == 0 && threadIdx.x == 0) {
        const long long at = static_cast<long long>(cloud) * all_.k + made;
        all_.indices[at] = pick.point;
        all_.radii2[at] = distance2_of(pick.key);
      }
      if (++made == all_.k) break;
      relax(pick.point, made == 1);
      pick = find_farthest();
    }
  }

  __device__ void relax(int pick, bool first) {
    float c[kDim];
    load(pick, c);
    bool changed = first;
    if constexpr (kResident) {
      unsigned open = 0;
#pragma unroll
      for (int s = 0; s < kKept; ++s) {
        if (point(s) == pick) {
          key_[s] = kOut;
          changed = true;
        }
        open |= static_cast<unsigned>(key_[s] != kOut && may_be_within(x_[s], c, limit_[s])) << s;
      }
      // One piece of code for all slots, or registers would not do.
      for (; open; open &= open - 1) changed |= lower(__ffs(static_cast<int>(open)) - 1, c);
      // Most picks change nothing for most warps.
      if (!__any_sync(kWholeWarp, changed)) return;
      best_ = {key_[0], point(0)};
#pragma unroll
      for (int s = 1; s < kKept; ++s)
        if (key_[s] > best_.key) best_ = {key_[s], point(s)};
    } else {
      best_ = {kOut, 0};
      for (int s = 0, i; (i = point(s)) < all_.n; ++s) {
        // Who has been picked has a distance below zero.
        double known = kept2_[i];
        if (known < 0) continue;
        if (i == pick) {
          kept2_[i] = -1;
          continue;
        }
        float x[kDim];
        load(i, x);
        if (may_be_within(x, c, prefilter(known))) {
          const double found = point_distance2<kDim>(x, c);
          if (found < known) kept2_[i] = known = found;
        }
        if (key_of(known) > best_.key) best_ = {key_of(known), i};
      }
    }
    // Of equal keys the first slot is the lowest index, too.
    best_lane_ = leading_lane(best_.key, [&] { return best_.point; });
  }

  __device__ void load(int i, float (&x)[kDim]) const {
#pragma unroll
    for (int j = 0; j < kDim; ++j) x[j] = points_[static_cast<long long>(kDim) * i + j];
  }

  // False only if float32 proves that a point is no nearer to c than its limit tells.
  __device__ static bool may_be_within(const float (&x)[kDim], const float (&c)[kDim],
                                       float limit) {
    float rough = 0;
#pragma unroll
    for (int j = 0; j < kDim; ++j) rough += (x[j] - c[j]) * (x[j] - c[j]);
    // What float32 cannot hold proves nothing.
    return rough < limit || rough > 3.402823466e38f;
  }

  // Lowers the distance of the point in a slot to that to c; whether it was farther.
  __device__ bool lower(int slot, const float (&c)[kDim]) {
    float x[kDim];
    load(point(slot), x);
    const double distance2 = point_distance2<kDim>(x, c);
    const Key key = key_of(distance2);
    const float limit = prefilter(distance2);
    bool nearer = false;
#pragma unroll
    for (int s = 0; s < kKept; ++s) {
      if (s == slot && key < key_[s]) {
        key_[s] = key;
        limit_[s] = limit;
        nearer = true;
      }
    }
    return nearer;
  }

  __device__ static Runner leader_of(Runner runner) {
    const int first = leading_lane(runner.key, [&] { return runner.point; });
    return {__shfl_sync(kWholeWarp, runner.key, first),
            __shfl_sync(kWholeWarp, runner.point, first)};
  }

  // Two sides of the board take turns: who is late may still read the other one.
  __device__ Runner find_farthest() {
    side_ ^= 1;
    if (lane() == best_lane_) board_.best[side_][warp()] = best_;
    __syncthreads();
    Runner mine = {kOut, 0};
    if (team_ == 1 || warp() == 0) {
      if (lane() < kWarps) mine = board_.best[side_][lane()];
      mine = leader_of(mine);
    }
    if (team_ == 1) return mine;
    if (warp() == 0) {
      mine = exchange(mine);
      if (lane() == 0) board_.all[side_] = mine;
    }
    __syncthreads();
    return board_.all[side_];
  }

  // A runner as two words, each stamped with the number of the exchange, so that a word tells by
  // itself whether it has come: 48 bits of the key and a stamp; its other 16 bits, the point, a
  // stamp. A slot still holds what came two exchanges ago, or zero.
  __device__ Runner exchange(Runner mine) {
    ++stamp_;
    volatile Key* letters = all_.letters + 4ll * (blockIdx.x / team_ * team_);
    letters += 2 * team_ * (stamp_ % 2);
    const Key stamp = stamp_ & 0xffff;
    if (lane() == 0) {
      letters[2 * block_] = mine.key >> 16 << 16 | stamp;
      letters[2 * block_ + 1] =
          (mine.key & 0xffff) << 48 | static_cast<Key>(mine.point) << 16 | stamp;
    }
    Runner best = {kOut, 0};
    for (int b = lane(); b < team_; b += 32) {
      Key upper, lower;
      while (((upper = letters[2 * b]) & 0xffff) != stamp) __nanosleep(20);
      while (((lower = letters[2 * b + 1]) & 0xffff) != stamp) __nanosleep(20);
      const Runner other = {upper >> 16 << 16 | lower >> 48,
                            static_cast<int>(lower >> 16 & 0xffffffff)};
      const bool ahead =
          other.key > best.key || (other.key == best.key && other.point < best.point);
      if (ahead) best = other;
    }
    return leader_of(best);
  }

  const Clouds& all_;
  int team_, block_;
  CloudBoard<kThreads>& board_;
  const float* points_ = nullptr;
  double* kept2_ = nullptr;
  float x_[kKept][kDim];
  Key key_[kKept];
  float limit_[kKept];  // prefilter of the distance
  Runner best_;         // of this thread
  int best_lane_ = 0, side_ = 0;
  unsigned stamp_ = 0;
};

}  // namespace pyuniform

// gridDim.x is a multiple of `team`, and no larger than can be resident if team > 1.
extern "C" __global__ void __launch_bounds__(CLOUD_THREADS, 1)
    clouds(const float* points, int clouds, int n, int k, const long long* start, int team,
           double* distance2, unsigned long long* letters, long long* indices, double* radii2) {
  using namespace pyuniform;
  __shared__ CloudBoard<CLOUD_THREADS> board;
  const Clouds all = {points, clouds, n, k, start, distance2, letters, indices, radii2};
  CloudTraversal<CLOUD_THREADS, CLOUD_DIM, CLOUD_SLOTS>(all, team, board).run();
}
