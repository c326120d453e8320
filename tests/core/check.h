// What the C++ tests share: a test is TEST(name) { ... CHECK(condition); ... }.
#pragma once

#include <cstdint>
#include <random>

#include "simd/kernels.h"

namespace pyuniform::tests {

// Ends the program with a message unless the condition holds.
#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) pyuniform::tests::check_failed(__FILE__, __LINE__, #condition); \
  } while (0)

[[noreturn]] void check_failed(const char* file, int line, const char* condition);

struct Registration {
  Registration(const char* name, void (*run)());
};

#define TEST(name)                                                                      \
  static void test_##name();                                                            \
  static const pyuniform::tests::Registration name##_registered = {#name, test_##name}; \
  static void test_##name()

// Calls test(kernels) with those of each instruction set that the processor has; a check that fails
// names it.
void for_each_kernels(void (*test)(const Kernels& kernels));

// `count` values at the end of a page, behind which nothing may be read or written.
class GuardedBytes {
 public:
  explicit GuardedBytes(int64_t bytes);
  GuardedBytes(const GuardedBytes&) = delete;
  ~GuardedBytes();

  char* begin() const { return begin_; }

 private:
  char *pages_, *begin_;
  int64_t mapped_;
};

template <typename T>
class Guarded {
 public:
  explicit Guarded(int64_t count)
      : bytes_(count * static_cast<int64_t>(sizeof(T))), count_(count) {}

  T* data() const { return reinterpret_cast<T*>(bytes_.begin()); }
  T& operator[](int64_t i) const { return data()[i]; }
  int64_t size() const { return count_; }

 private:
  GuardedBytes bytes_;
  int64_t count_;
};

// Numbers of columns that loops handle differently: up to 70, and around some powers of two.
const int64_t* some_columns();

using Random = std::mt19937_64;

inline double normal(Random& random) { return std::normal_distribution<double>()(random); }

inline int64_t below(Random& random, int64_t n) {
  return std::uniform_int_distribution<int64_t>(0, n - 1)(random);
}

}  // namespace pyuniform::tests
