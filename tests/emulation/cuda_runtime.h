// CUDA's execution model on the CPU, so that the text of the kernels is tested where there is no GPU.
//
// A block's threads are coroutines on one system thread, run in an order that can be chosen; they take turns
// at barriers, shuffles and votes alone. A result that depends on the order is a race. A barrier that some
// threads never reach, or a warp that meets with lanes missing, ends the process. Shared memory starts as NaN
// and -1. What it does not show: the hardware's memory model, and speed.
//
// BITLENS_EMULATION_ORDER is "ascending", "descending" or "turns" for threads that advance together, or
// "warps:<seed>": one warp at a time, drawn at random, goes on until it needs the others.
// A build with BITLENS_CUDA=SHADOWED checks every access to memory (shadow_memory.cpp).
// BITLENS_EMULATION_SHARED is the shared memory of a block in KiB: 64, the least that is supported, or 227.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

// The emulation's own accesses are none of a kernel.
#define BITLENS_UNWATCHED __attribute__((no_sanitize_thread, noinline))

#define __CUDA_EMULATED__
#define __global__
#define __device__
#define __host__
#define __shared__ thread_local
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

using cudaStream_t = void*;
using cudaError_t = int;
inline constexpr int cudaSuccess = 0, cudaErrorInvalidValue = 1;
inline constexpr int cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
                     cudaDevAttrMaxSharedMemoryPerBlockOptin = 97;
struct cudaFuncAttributes {
  std::size_t sharedSizeBytes;
  int maxDynamicSharedSizeBytes;
};
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
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

inline std::mutex one_kernel;
inline std::vector<std::unique_ptr<Thread>> threads;
inline Thread* current;
inline jmp_buf scheduler;
inline std::function<void()> body;

// For the shadow memory: whether the text of a kernel runs, and how many barriers the block has passed.
inline bool in_kernel = false;
inline unsigned block_barriers = 0;
void forget_accesses();  // of the block before

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

// Static arrays lie elsewhere in the emulation, and count as if every kernel had the most that one has.
// Without a request, a block has 48 KiB for static and dynamic arrays together.
inline constexpr std::size_t kStaticBytes = 8 * 1024;
inline constexpr std::size_t kUnasked = 48 * 1024 - kStaticBytes;

// The dynamic shared memory that kernels have requested.
inline std::mutex requests_mutex;
inline std::unordered_map<void*, std::size_t> requests;

inline std::size_t granted_to(void* kernel) {
  const std::lock_guard lock(requests_mutex);
  const auto found = requests.find(kernel);
  return found == requests.end() ? kUnasked : found->second;
}

inline cudaError_t run(void* function, const cudaLaunchConfig_t& config, std::function<void()> kernel) {
  const dim3 grid = config.gridDim;
  if (grid.x > INT32_MAX || grid.y > 65535 || grid.z > 65535) return cudaErrorInvalidValue;
  const std::lock_guard lock(one_kernel);
  if (config.dynamicSmemBytes > granted_to(function) || config.blockDim.x > 1024)
    return cudaErrorInvalidValue;
  body = std::move(kernel);
  blockDim = config.blockDim;
  gridDim = grid;
  while (threads.size() < blockDim.x) threads.push_back(std::make_unique<Thread>());
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z) {
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y) {
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) run_block(blockDim.x);
    }
  }
  return cudaSuccess;
}

// What lane `from` of the warp offers; all lanes meet here.
template <class T>
BITLENS_UNWATCHED T exchange(T value, unsigned from) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  Thread* self = current;
  const unsigned first = threadIdx.x / kWarp * kWarp;
  const unsigned turn = self->turn++ % 2;
  std::memcpy(&self->slots[turn], &value, sizeof(T));
  wait(State::at_warp);
  T result;
  std::memcpy(&result, &threads[first + from % kWarp]->slots[turn], sizeof(T));
  return result;
}

inline unsigned lane() { return threadIdx.x % kWarp; }

}  // namespace emulation

template <class... Parameters>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Parameters... arguments) {
  return emulation::run(reinterpret_cast<void*>(kernel), *config, [=] { kernel(arguments...); });
}
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel* kernel, int, std::size_t bytes) {
  if (bytes + emulation::kStaticBytes > emulation::shared_bytes()) return cudaErrorInvalidValue;
  const std::lock_guard lock(emulation::requests_mutex);
  emulation::requests[reinterpret_cast<void*>(kernel)] = bytes;
  return cudaSuccess;
}
template <class Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Kernel* kernel) {
  const auto granted = static_cast<int>(emulation::granted_to(reinterpret_cast<void*>(kernel)));
  *attributes = {emulation::kStaticBytes, granted};
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, int, int) {
  *value = static_cast<int>(emulation::shared_bytes());
  return cudaSuccess;
}
inline const char* cudaGetErrorString(cudaError_t) { return "refused by the emulation"; }

inline void __syncthreads() { emulation::wait(emulation::State::at_block); }
BITLENS_UNWATCHED inline void __syncwarp() {
  emulation::wait(emulation::State::at_warp);
  ++emulation::current->warp_barriers;
}

template <class T>
T __shfl_sync(unsigned, T value, unsigned from) {
  return emulation::exchange(value, from);
}
template <class T>
T __shfl_xor_sync(unsigned, T value, unsigned mask) {
  return emulation::exchange(value, emulation::lane() ^ mask);
}
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned delta) {
  return emulation::exchange(value,
                             emulation::lane() >= delta ? emulation::lane() - delta : emulation::lane());
}
template <class T>
T __shfl_down_sync(unsigned, T value, unsigned delta) {
  return emulation::exchange(value, std::min(emulation::lane() + delta, emulation::kWarp - 1));
}
BITLENS_UNWATCHED inline unsigned __ballot_sync(unsigned, bool vote) {
  unsigned votes = 0;
  emulation::Thread* self = emulation::current;
  const unsigned first = threadIdx.x / emulation::kWarp * emulation::kWarp;
  const unsigned turn = self->turn % 2;
  emulation::exchange(vote, 0);
  for (unsigned lane = 0; lane < emulation::kWarp; ++lane) {
    bool other;
    std::memcpy(&other, &emulation::threads[first + lane]->slots[turn], sizeof other);
    votes |= static_cast<unsigned>(other) << lane;
  }
  return votes;
}
inline bool __any_sync(unsigned mask, bool vote) { return __ballot_sync(mask, vote) != 0; }

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(unsigned bits) { return bits ? std::countr_zero(bits) + 1 : 0; }

template <class T>
BITLENS_UNWATCHED T atomicAdd(T* address, T value) {
  const T before = *address;
  *address += value;
  return before;
}
template <class T>
BITLENS_UNWATCHED T atomicMin(T* address, T value) {
  const T before = *address;
  *address = std::min(before, value);
  return before;
}
template <class T>
BITLENS_UNWATCHED T atomicMax(T* address, T value) {
  const T before = *address;
  *address = std::max(before, value);
  return before;
}

inline unsigned long long __double_as_ulonglong(double value) {
  return std::bit_cast<unsigned long long>(value);
}

using std::fma;
using std::fmax;
using std::fmin;
using std::max;
using std::min;
using std::sqrt;
