// The interpreter's lock, for threads that may be in a kernel when the program ends.
#pragma once

#include <Python.h>

#include <chrono>
#include <thread>

namespace bitlens {

// Before version 3.14, CPython ends a thread that asks for the lock of a finalized interpreter by unwinding
// its stack, which ends the whole process with an error when it meets C++. Such a thread stays here instead,
// without the lock, until the process has ended. No function that takes the lock throws anything else.
template <class Take>
auto take_interpreter_lock(Take take) {
  try {
    return take();
  } catch (...) {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

// Kernels run without the lock.
class InterpreterUnlocked {
 public:
  InterpreterUnlocked() = default;
  InterpreterUnlocked(const InterpreterUnlocked&) = delete;
  InterpreterUnlocked& operator=(const InterpreterUnlocked&) = delete;
  ~InterpreterUnlocked() {
    take_interpreter_lock([this] { PyEval_RestoreThread(state_); });
  }

 private:
  PyThreadState* state_ = PyEval_SaveThread();
};

// A kernel asks for the lock from time to time.
class InterpreterLocked {
 public:
  InterpreterLocked() = default;
  InterpreterLocked(const InterpreterLocked&) = delete;
  InterpreterLocked& operator=(const InterpreterLocked&) = delete;
  ~InterpreterLocked() { PyGILState_Release(state_); }

 private:
  PyGILState_STATE state_ = take_interpreter_lock([] { return PyGILState_Ensure(); });
};

}  // namespace bitlens
