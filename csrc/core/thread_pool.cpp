#include "core/thread_pool.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace pyuniform {
namespace {

// Whether this thread is in a loop.
thread_local bool in_loop = false;

inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `done` holds, but not long: less than the system takes to put a thread to sleep and
// to wake it again.
template <typename Done>
bool spin(Done done) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kLongest = std::chrono::microseconds(20);
  if (done()) return true;
  const auto end = Clock::now() + kLongest;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (Clock::now() < end);
  return done();
}

// Workers answer no signals: those are for the threads that the program knows of. Faults of a
// thread's own cannot be left to others.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&all, own);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

class Pool {
 public:
  // The calling thread's part of a loop that has more than one block.
  void run(Loop& loop, int threads) {
    open(loop, threads);
    call(loop, 0, loop.next.fetch_add(1));
    close(loop);
  }

 private:
  void open(Loop& loop, int threads) {
    std::unique_lock<std::mutex> lock(mutex_);
    loop.seats = static_cast<int>(std::min<int64_t>(threads, loop.count)) - 1;
    grow(loop.seats);
    loops_.push_back(&loop);
    opened_.fetch_add(1, std::memory_order_relaxed);
    int asleep = std::min(loop.seats - spinning_, sleeping_);
    lock.unlock();
    for (; asleep > 0; --asleep) wake_.notify_one();
  }

  // From here on no worker joins; waits for those that did.
  void close(Loop& loop) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      remove(loop);
    }
    const auto alone = [&] { return loop.inside.load(std::memory_order_acquire) == 0; };
    if (!spin(alone)) {
      std::unique_lock<std::mutex> lock(mutex_);
      loop.caller_sleeps = true;
      through_.wait(lock, alone);
    }
    if (loop.error) std::rethrow_exception(loop.error);
  }

  // With the lock held. A loop is removed by its caller or by the worker that finds it used up.
  void remove(Loop& loop) {
    loops_.erase(std::remove(loops_.begin(), loops_.end(), &loop), loops_.end());
  }

  void call(Loop& loop, int slot, int64_t first) {
    Share share(loop, slot, first);
    in_loop = true;
    try {
      if (first < loop.count) loop.run(loop.body, share);
    } catch (...) {
      loop.next = loop.count;  // no more blocks
      std::lock_guard<std::mutex> lock(mutex_);
      if (!loop.error) loop.error = std::current_exception();
    }
    in_loop = false;
  }

  // With the lock held. Where the system gives no more threads those that there are must do.
  void grow(int workers) {
    if (workers <= most_) return;
    const SignalsBlocked blocked;
    most_ = workers;
    try {
      for (; workers_ < workers; ++workers_) std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {
    }
  }

  // With the lock held: a block of the loop that has the fewest workers, or -1.
  int64_t take_block(Loop** found) {
    while (!loops_.empty()) {
      Loop* loop = *std::min_element(loops_.begin(), loops_.end(), [](Loop* a, Loop* b) {
        return (a->seats ? a->joined : kMostThreads) < (b->seats ? b->joined : kMostThreads);
      });
      if (loop->seats == 0) return -1;
      const int64_t block = loop->next.fetch_add(1);
      if (block < loop->count) {
        ++loop->joined;
        --loop->seats;
        loop->inside.fetch_add(1, std::memory_order_relaxed);
        *found = loop;
        return block;
      }
      remove(*loop);
    }
    return -1;
  }

  // What a worker does as long as the process lives.
  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      Loop* loop;
      const uint64_t opened = opened_.load(std::memory_order_relaxed);
      const int64_t block = take_block(&loop);
      if (block >= 0) {
        const int slot = loop->joined;
        lock.unlock();
        call(*loop, slot, block);
        lock.lock();
        // The loop is gone as soon as its caller sees that none is inside.
        const bool wakes = loop->caller_sleeps;
        if (loop->inside.fetch_sub(1, std::memory_order_acq_rel) == 1 && wakes)
          through_.notify_all();
        continue;
      }
      ++spinning_;
      lock.unlock();
      const bool more = spin([&] { return opened_.load(std::memory_order_relaxed) != opened; });
      lock.lock();
      --spinning_;
      if (more || opened_.load(std::memory_order_relaxed) != opened) continue;
      ++sleeping_;
      wake_.wait(lock);
      --sleeping_;
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, through_;
  std::vector<Loop*> loops_;         // that workers may join
  std::atomic<uint64_t> opened_{0};  // loops so far
  int workers_ = 0, most_ = 0;       // threads there are, and that were asked for
  int spinning_ = 0, sleeping_ = 0;  // workers that wait, in either way
};

std::atomic<Pool*> pool{nullptr};

void leave_pool_to_parent() {
  pool = nullptr;
  in_loop = false;
}

[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, leave_pool_to_parent);

Pool& this_process_pool() {
  Pool* found = pool.load();
  if (found) return *found;
  Pool* made = new Pool;
  if (pool.compare_exchange_strong(found, made)) return *made;
  delete made;  // another thread was first; this one has no workers yet
  return *found;
}

}  // namespace

void run_loop(Loop& loop, int threads) {
  threads = std::min(threads, kMostThreads);
  if (threads > 1 && loop.count > 1 && !in_loop) {
    this_process_pool().run(loop, threads);
    return;
  }
  Share share(loop, 0, 0);
  loop.next = 1;
  loop.run(loop.body, share);
}

}  // namespace pyuniform
