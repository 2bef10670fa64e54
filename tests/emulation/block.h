// The threads of a block as coroutines on one system thread, which take turns at barriers, shuffles and votes
// alone.
//
// BITLENS_EMULATION_ORDER is "ascending", "descending" or "turns" for threads that advance together, or
// "warps:<seed>": one warp at a time, drawn at random, goes on until it needs the others. A barrier that some
// threads never reach, or a warp that meets with lanes missing, ends the process.
// BITLENS_EMULATION_SHARED is the shared memory of a block in KiB: 64, the least that is supported, or 227.
// It starts as NaN and -1.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

// The emulation's own accesses are none of a kernel.
#define BITLENS_UNWATCHED __attribute__((no_sanitize_thread, noinline))

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace emulation {

inline constexpr std::size_t kMostSharedBytes = 227 * 1024;  // what a block can have on an H100
inline constexpr std::size_t kStackBytes = 64 * 1024;
inline constexpr unsigned kWarp = 32;

}  // namespace emulation

namespace bitlens::cuda {
inline thread_local double shared_memory[emulation::kMostSharedBytes / sizeof(double)];
}

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulation {

enum class State { ready, at_warp, at_block, done };

struct Thread {
  ucontext_t start;
  jmp_buf resume;
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  State state;
  bool started;
  std::uint64_t slots[2];  // what a shuffle offers; two, as a lane may be one shuffle ahead
  unsigned turn;
  unsigned warp_barriers;  // __syncwarp calls, the only ones that order the memory of a warp
};

inline std::vector<std::unique_ptr<Thread>> threads;
inline Thread* current;
inline jmp_buf scheduler;
inline std::function<void()> body;

// For the shadow memory: whether the text of a kernel runs, and not that of another thread, and how many
// barriers the block has passed.
inline thread_local bool in_kernel = false;
inline unsigned block_barriers = 0;
void forget_accesses();  // of the block before
void note_atomic(const volatile void* address, unsigned size, void* caller);

BITLENS_UNWATCHED inline void wait(State state) {
  in_kernel = false;
  Thread* self = current;
  self->state = state;
  if (_setjmp(self->resume) == 0) _longjmp(scheduler, 1);
}

BITLENS_UNWATCHED inline void thread_main() {
  body();
  in_kernel = false;
  current->state = State::done;
  _longjmp(scheduler, 1);
}

BITLENS_UNWATCHED inline void resume(unsigned id) {
  current = threads[id].get();
  threadIdx = dim3(id);
  if (_setjmp(scheduler) != 0) return;
  in_kernel = true;
  if (current->started) _longjmp(current->resume, 1);
  current->started = true;
  setcontext(&current->start);
}

// Whether threads first to last - 1 are all in this state.
inline bool all_are(State state, unsigned first, unsigned last) {
  for (unsigned id = first; id < last; ++id) {
    if (threads[id]->state != state) return false;
  }
  return true;
}

inline void make_ready(unsigned first, unsigned last) {
  for (unsigned id = first; id < last; ++id) threads[id]->state = State::ready;
}

// Releases the threads of every warp whose threads all wait, or else those of the block if all of its threads
// wait. Returns false if it could release nothing.
inline bool release(unsigned count) {
  bool any = false;
  for (unsigned first = 0; first < count; first += kWarp) {
    const unsigned last = std::min(count, first + kWarp);
    if (!all_are(State::at_warp, first, last)) continue;
    make_ready(first, last);
    any = true;
  }
  if (any) return true;
  if (!all_are(State::at_block, 0, count)) return false;
  make_ready(0, count);
  ++block_barriers;
  return true;
}

[[noreturn]] inline void stop(const char* reason) {
  std::fprintf(stderr, "emulation: %s\n", reason);
  std::abort();
}

inline std::size_t shared_bytes() {
  static const char* named = std::getenv("BITLENS_EMULATION_SHARED");
  static const std::size_t bytes = named ? std::strtoull(named, nullptr, 10) * 1024 : 64 * 1024;
  if (bytes == 0 || bytes > kMostSharedBytes) stop("BITLENS_EMULATION_SHARED: expected 1 to 227");
  return bytes;
}

enum class Order { ascending, descending, turns, warps };

inline Order order() {
  static const Order chosen = [] {
    const char* named = std::getenv("BITLENS_EMULATION_ORDER");
    if (!named || !std::strcmp(named, "ascending")) return Order::ascending;
    if (!std::strcmp(named, "descending")) return Order::descending;
    if (!std::strcmp(named, "turns")) return Order::turns;
    if (!std::strncmp(named, "warps:", 6)) return Order::warps;
    stop("BITLENS_EMULATION_ORDER: expected ascending, descending, turns or warps:<seed>");
  }();
  return chosen;
}

// A random number below `count`, by xorshift from the seed of the order.
inline unsigned draw(unsigned count) {
  static std::uint64_t state =
      88172645463325252U ^ (std::strtoull(std::getenv("BITLENS_EMULATION_ORDER") + 6, nullptr, 10) << 32);
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<unsigned>((state >> 32) % count);
}

// One warp, from a random lane on, until all of its threads have ended or wait for the block.
inline void run_warp(unsigned first, unsigned last) {
  for (;;) {
    bool any = false;
    const unsigned turn = draw(last - first);
    for (unsigned step = 0; step < last - first; ++step) {
      const unsigned id = first + (step + turn) % (last - first);
      if (threads[id]->state != State::ready) continue;
      resume(id);
      any = true;
    }
    if (all_are(State::at_warp, first, last)) {
      make_ready(first, last);
    } else if (!any) {
      return;
    }
  }
}

inline void run_warps(unsigned count) {
  std::vector<unsigned> able;
  while (!all_are(State::done, 0, count)) {
    able.clear();
    for (unsigned first = 0; first < count; first += kWarp) {
      for (unsigned id = first; id < std::min(count, first + kWarp); ++id) {
        if (threads[id]->state != State::ready) continue;
        able.push_back(first);
        break;
      }
    }
    if (!able.empty()) {
      const unsigned first = able[draw(static_cast<unsigned>(able.size()))];
      run_warp(first, std::min(count, first + kWarp));
    } else if (all_are(State::at_block, 0, count)) {
      make_ready(0, count);
      ++block_barriers;
    } else {
      stop("some threads of a block wait for others that never come");
    }
  }
}

inline void run_threads(unsigned count) {
  for (unsigned pass = 0;; ++pass) {
    const bool down = order() == Order::descending || (order() == Order::turns && pass % 2 == 1);
    for (unsigned step = 0; step < count; ++step) {
      const unsigned id = down ? count - 1 - step : step;
      if (threads[id]->state == State::ready) resume(id);
    }
    if (all_are(State::done, 0, count)) return;
    if (!release(count)) stop("some threads of a block wait for others that never come");
  }
}

inline void run_block(unsigned count) {
  std::memset(bitlens::cuda::shared_memory, 0xff, shared_bytes());
#ifdef BITLENS_SHADOWED
  forget_accesses();
#endif
  for (unsigned id = 0; id < count; ++id) {
    Thread& thread = *threads[id];
    getcontext(&thread.start);
    thread.start.uc_stack.ss_sp = thread.stack.get();
    thread.start.uc_stack.ss_size = kStackBytes;
    thread.start.uc_link = nullptr;
    makecontext(&thread.start, thread_main, 0);
    thread.state = State::ready;
    thread.started = false;
    thread.turn = 0;
    thread.warp_barriers = 0;
  }
  order() == Order::warps ? run_warps(count) : run_threads(count);
}

}  // namespace emulation
