// Runs all C++ tests, or those that are named: `core_tests [NAME ...]`; `--list` names them, and
// `--without NAME` leaves one out.
#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace pyuniform::tests {
namespace {

struct Test {
  const char* name;
  void (*run)();
};

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

const char* running = "";
const char* kernels_running = "";

}  // namespace

Registration::Registration(const char* name, void (*run)()) { tests().push_back({name, run}); }

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: in %s%s%s: %s\n", file, line, running, *kernels_running ? ", " : "",
               kernels_running, condition);
  std::_Exit(1);
}

void for_each_kernels(void (*test)(const Kernels& kernels)) {
  for (const Kernels* const* p = available_kernels(); *p; ++p) {
    kernels_running = (*p)->name;
    test(**p);
  }
  kernels_running = "";
}

GuardedBytes::GuardedBytes(int64_t bytes) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  mapped_ = (bytes + page - 1) / page * page + page;
  void* pages = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  pages_ = static_cast<char*>(pages);
  CHECK(mprotect(pages_ + mapped_ - page, page, PROT_NONE) == 0);
  begin_ = pages_ + mapped_ - page - bytes;
}

GuardedBytes::~GuardedBytes() { munmap(pages_, mapped_); }

const int64_t* some_columns() {
  static const std::vector<int64_t> columns = [] {
    std::vector<int64_t> list;
    for (int64_t d = 1; d <= 70; ++d) list.push_back(d);
    for (int64_t d : {127, 128, 129, 383, 384, 385, 1023, 1024, 1025, 0}) list.push_back(d);
    return list;
  }();
  return columns.data();
}

int run_tests(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  std::vector<std::string> wanted, unwanted;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--without" && i + 1 < words.size())
      unwanted.push_back(words[++i]);
    else
      wanted.push_back(words[i]);
  }
  auto among = [](const std::vector<std::string>& names, const char* name) {
    for (const std::string& own : names)
      if (own == name) return true;
    return false;
  };
  if (among(wanted, "--list")) {
    for (const Test& test : tests()) std::printf("%s\n", test.name);
    return 0;
  }
  std::printf("instruction sets:");
  for (const Kernels* const* p = available_kernels(); *p; ++p) std::printf(" %s", (*p)->name);
  std::printf("\n");
  size_t ran = 0;
  for (const Test& test : tests()) {
    if (!(wanted.empty() || among(wanted, test.name)) || among(unwanted, test.name)) continue;
    running = test.name;
    test.run();
    std::printf("passed: %s\n", test.name);
    std::fflush(stdout);
    ++ran;
  }
  if (ran < wanted.size()) std::fprintf(stderr, "there is no test of such a name\n");
  return ran < wanted.size();
}

}  // namespace pyuniform::tests

int main(int count, char** arguments) { return pyuniform::tests::run_tests(count, arguments); }
