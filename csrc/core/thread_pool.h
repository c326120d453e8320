// The core's threads: one pool a process, made when it is first needed.
//
// A loop is cut into blocks, and threads take the next block as soon as they are through with one.
// The calling thread takes blocks itself, so a loop ends even if no worker ever comes. It waits
// only for workers that have taken a block: on a busy machine one that the system has not let run
// yet costs nothing, and when it comes at last it finds the loop gone.
//
// - Loops of several threads share the workers: each gets those that are idle. No lock is held
//   while a block is worked on.
// - A loop inside of another's block runs on its own thread alone.
// - An exception in a block ends the loop: no more blocks are handed out, and the calling thread
//   throws it when the blocks under way are through.
// - A forked child makes a pool of its own. It has none of its parent's threads, and perhaps a
//   lock that one of them held, so it leaves the parent's pool as it is.
// - The pool is never destroyed, and nobody waits for its threads: they end with the process.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <type_traits>

namespace pyuniform {

// How many of `threads` are worth waking for so many multiply-adds, or as much other work: to wake
// one takes some microseconds, and where other processes hold the processors it may come late.
inline int useful_threads(double work, int threads) { return work < 1e7 ? 1 : threads; }

// More threads are not started, whatever a caller asks for.
constexpr int kMostThreads = 1024;

// Places of a loop, `end` not among them.
struct Range {
  int64_t begin, end;
};

class Share;

// A loop under way.
struct Loop {
  int64_t begin, end, step, count;  // `count` blocks of `step` places each, the last of fewer
  void (*run)(void* body, Share& share);
  void* body;

  std::atomic<int64_t> next{0};  // block
  std::atomic<int> inside{0};    // workers that have taken a block and are not through yet
  // What follows is guarded by the pool's lock.
  int joined = 0, seats = 0;  // workers that have taken a block, and that still may
  bool caller_sleeps = false;
  std::exception_ptr error;
};

// One thread's part in a loop: `for (const Range range : share)` takes blocks until none is left.
class Share {
 public:
  Share(Loop& loop, int slot, int64_t first) : loop_(loop), slot_(slot), block_(first) {}

  // A number of this thread's own within the loop, from 0 to the number of threads - 1; the calling
  // thread has 0.
  int slot() const { return slot_; }

  class Iterator {
   public:
    explicit Iterator(Share* share) : share_(share) {}
    Range operator*() const { return share_->range(); }
    void operator++() { share_->block_ = share_->loop_.next.fetch_add(1); }
    bool operator!=(const Iterator&) const { return share_->block_ < share_->loop_.count; }

   private:
    Share* share_;
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(this); }

 private:
  Range range() const {
    const int64_t begin = loop_.begin + block_ * loop_.step;
    return {begin, std::min(loop_.end, begin + loop_.step)};
  }

  Loop& loop_;
  const int slot_;
  int64_t block_;
};

// Runs the loop on the calling thread and up to `threads` - 1 workers.
void run_loop(Loop& loop, int threads);

// Calls body(share) on up to `threads` threads at a time, each of which is to take its blocks from
// `share`: of `step` places from `begin` to `end`. A thread that finds no block left does not call
// it at all.
template <typename Body>
void in_parallel(int64_t begin, int64_t end, int64_t step, int threads, Body&& body) {
  if (begin >= end) return;
  using Plain = std::remove_reference_t<Body>;
  Loop loop;
  loop.begin = begin;
  loop.end = end;
  loop.step = step;
  loop.count = (end - begin + step - 1) / step;
  loop.run = [](void* b, Share& share) { (*static_cast<Plain*>(b))(share); };
  loop.body = const_cast<std::remove_const_t<Plain>*>(&body);
  run_loop(loop, threads);
}

// Places of a block if n are shared out evenly: a multiple of `unit`, and some blocks for each
// thread, so that one thread that is held up does not hold up the others for long.
inline int64_t even_step(int64_t n, int64_t unit, int threads) {
  constexpr int64_t kBlocksAThread = 4;
  const int64_t blocks = threads == 1 ? 1 : kBlocksAThread * threads;
  return std::max(unit, (n + blocks * unit - 1) / (blocks * unit) * unit);
}

}  // namespace pyuniform
