// Without the GIL: what works on rows lets other Python threads run meanwhile.
#pragma once

#include <pybind11/pybind11.h>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#include <unistd.h>
#endif

namespace pyuniform {

// Gives the GIL up, and takes it again in the end.
//
// A daemon thread that wants it while the interpreter exits never gets it: before Python 3.14 the
// thread is ended there, and unwinding it through destructors, which may not throw, would abort the
// process. Such a thread stands still instead, until the process is gone.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

  ~Unlocked() {
#ifdef __GLIBCXX__
    try {
      PyEval_RestoreThread(state_);
    } catch (abi::__forced_unwind&) {
      for (;;) pause();
    }
#else
    PyEval_RestoreThread(state_);
#endif
  }

 private:
  PyThreadState* const state_;
};

}  // namespace pyuniform
