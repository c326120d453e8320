#include "rows/mapped_files.h"

#include <atomic>
#include <mutex>

#ifndef _WIN32
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace pyuniform {

#ifdef _WIN32

bool guard_mapped(uintptr_t, size_t) { return false; }
void release_mapped(uintptr_t) {}
bool mapped_cut() { return false; }

#else

namespace {

// The handler may come at any moment, and takes no lock: a range is there once its end is set.
struct Range {
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<bool> cut{false};
};

constexpr int kRanges = 1 << 14;
Range ranges[kRanges];
std::atomic<int> used{0};        // ranges beyond were never taken
std::atomic<int> cut_ranges{0};  // ranges whose `cut` is set
std::mutex changing;
struct sigaction before;  // what would have been done
uintptr_t page_size = 0;

// The range that holds an address; null if none does.
Range* guarding(uintptr_t at) {
  for (int r = 0; r < used.load(); ++r)
    if (at >= ranges[r].begin.load() && at < ranges[r].end.load()) return &ranges[r];
  return nullptr;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(info->si_addr);
  Range* range = info->si_code == BUS_ADRERR ? guarding(at) : nullptr;
  if (range) {
    void* page = reinterpret_cast<void*>(at / page_size * page_size);
    // Where it is read next there is memory; nothing is told of the file.
    if (mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0) == page) {
      if (!range->cut.exchange(true)) ++cut_ranges;
      return;
    }
  }
  if (before.sa_flags & SA_SIGINFO && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else {
    // The instruction is tried again, and ends the process as it would have.
    sigaction(signal, &before, nullptr);
  }
}

void install() {
  struct sigaction now;
  sigaction(SIGBUS, nullptr, &now);
  if (now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_bus_error) return;
  before = now;
  struct sigaction ours = {};
  ours.sa_sigaction = on_bus_error;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&ours.sa_mask);
  sigaction(SIGBUS, &ours, nullptr);
}

}  // namespace

bool guard_mapped(uintptr_t begin, size_t size) {
  const std::lock_guard<std::mutex> lock(changing);
  page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  install();
  for (int r = 0; r < kRanges; ++r) {
    if (ranges[r].end.load() != 0) continue;
    ranges[r].begin = begin;
    ranges[r].end = begin + size;
    if (r >= used.load()) used = r + 1;
    return true;
  }
  return false;
}

void release_mapped(uintptr_t begin) {
  const std::lock_guard<std::mutex> lock(changing);
  for (int r = 0; r < used.load(); ++r)
    if (ranges[r].end.load() != 0 && ranges[r].begin.load() == begin) {
      ranges[r].end = 0;
      if (ranges[r].cut.exchange(false)) --cut_ranges;
      return;
    }
}

bool mapped_cut() { return cut_ranges.load() > 0; }

#endif

}  // namespace pyuniform
