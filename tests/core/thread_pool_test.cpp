// The thread pool. A test that hangs is ended by its caller.
#include "core/thread_pool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

using namespace pyuniform;
using namespace pyuniform::tests;

namespace {

void work_for(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Every place once, by plain writes that the caller sees when the loop is over.
void every_place_once(int64_t begin, int64_t end, int64_t step, int threads) {
  std::vector<int> times(end + 1);
  std::vector<int64_t> of_slot(threads);
  std::mutex mutex;
  std::set<int> slots;
  in_parallel(begin, end, step, threads, [&](Share& share) {
    CHECK(share.slot() >= 0 && share.slot() < threads);
    {
      std::lock_guard<std::mutex> lock(mutex);
      CHECK(slots.insert(share.slot()).second);
    }
    for (const auto [from, to] : share) {
      CHECK(from < to && to - from <= step && (from - begin) % step == 0);
      for (int64_t i = from; i < to; ++i) ++times[i];
      of_slot[share.slot()] += to - from;
    }
  });
  int64_t sum = 0;
  for (int64_t own : of_slot) sum += own;
  CHECK(sum == std::max<int64_t>(0, end - begin));
  for (int64_t i = 0; i <= end; ++i) CHECK(times[i] == (i >= begin && i < end));
}

void shapes() {
  for (int threads : {1, 2, 3, 8, 100})
    for (int64_t n : {0, 1, 2, 3, 7, 64, 1000})
      for (int64_t step : {1, 2, 5, 1000}) every_place_once(3, 3 + n, step, threads);
  for (int repeat = 0; repeat < 3000; ++repeat) every_place_once(0, 40, 3, 4);
}

// Workers take part: of blocks that take long the caller does not do all.
void workers_come() {
  std::atomic<int> by_workers{0};
  in_parallel(0, 200, 1, 4, [&](Share& share) {
    for (const Range range : share) {
      (void)range;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (share.slot() > 0) ++by_workers;
    }
  });
  CHECK(by_workers > 0);
}

void exceptions() {
  for (int repeat = 0; repeat < 200; ++repeat) {
    std::atomic<int> blocks{0};
    bool thrown = false;
    try {
      in_parallel(0, 100'000, 1, 4, [&](Share& share) {
        for (const auto [block, end] : share) {
          ++blocks;
          if (block == repeat) throw std::runtime_error("of a block");
          work_for(std::chrono::microseconds(1));
        }
      });
    } catch (const std::runtime_error& error) {
      thrown = std::string(error.what()) == "of a block";
    }
    CHECK(thrown);
    CHECK(blocks < 100'000);
  }
  every_place_once(0, 1000, 10, 4);
}

void nested() {
  std::vector<int> times(64 * 64);
  in_parallel(0, 64, 1, 4, [&](Share& outer) {
    for (const auto [a, a_end] : outer) {
      const int64_t row = a;
      in_parallel(0, 64, 1, 4, [&](Share& inner) {
        CHECK(inner.slot() == 0);
        for (const auto [b, b_end] : inner) ++times[row * 64 + b];
      });
    }
  });
  for (int seen : times) CHECK(seen == 1);
}

void several_callers() {
  std::vector<std::thread> callers;
  for (int c = 0; c < 6; ++c)
    callers.emplace_back([c] {
      for (int repeat = 0; repeat < 500; ++repeat) every_place_once(c, 100 + c, 1 + c, 2 + c % 3);
    });
  for (std::thread& caller : callers) caller.join();
}

int in_child(void (*work)()) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    std::_Exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  return status;
}

void forks() {
  every_place_once(0, 1000, 1, 4);
  CHECK(in_child([] {
          every_place_once(0, 1000, 1, 4);
          CHECK(in_child([] { every_place_once(0, 1000, 1, 4); }) == 0);
          every_place_once(0, 1000, 1, 4);
        }) == 0);
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) every_place_once(0, 100, 1, 4);
  });
  for (int repeat = 0; repeat < 30; ++repeat)
    CHECK(in_child([] {
            every_place_once(0, 100, 1, 4);
            workers_come();
          }) == 0);
  over = true;
  other.join();
  every_place_once(0, 1000, 1, 4);
}

}  // namespace

TEST(thread_pool) {
  shapes();
  workers_come();
  exceptions();
  nested();
  several_callers();
}

// ThreadSanitizer does not follow threads of a forked child.
TEST(thread_pool_forks) { forks(); }

// A thread that is still in a loop when the process ends.
TEST(thread_pool_at_exit) {
  std::thread([] {
    for (;;)
      in_parallel(0, 1000, 1, 4, [](Share& share) {
        for (const Range range : share) {
          (void)range;
          work_for(std::chrono::microseconds(10));
        }
      });
  }).detach();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
}
