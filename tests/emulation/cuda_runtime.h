// The part of CUDA that the kernels use, on the CPU, so that their text is tested where there is no GPU.
//
// A result that depends on the order of the threads (block.h) is a race. What the emulation does not show:
// the hardware's memory model, and speed. A build with BITLENS_CUDA=SHADOWED checks every access to memory
// (shadow_memory.cpp).
#pragma once

#include <bit>
#include <cmath>
#include <mutex>
#include <unordered_map>

#include "block.h"

#define __CUDA_EMULATED__
#define __global__
#define __device__
#define __host__
#define __shared__ thread_local
#define __launch_bounds__(...)

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

inline std::mutex one_kernel;

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

namespace emulation {

// What `next` makes of the value at an address, which it replaces. Returns the value before.
template <class T, class Next>
BITLENS_UNWATCHED T replace(T* address, Next next) {
#ifdef BITLENS_SHADOWED
  note_atomic(address, sizeof(T), __builtin_return_address(0));
#endif
  const T before = *address;
  *address = next(before);
  return before;
}

}  // namespace emulation

template <class T>
T atomicAdd(T* address, T value) {
  return emulation::replace(address, [value](T before) { return before + value; });
}
template <class T>
T atomicOr(T* address, T value) {
  return emulation::replace(address, [value](T before) { return before | value; });
}
template <class T>
T atomicMin(T* address, T value) {
  return emulation::replace(address, [value](T before) { return std::min(before, value); });
}
template <class T>
T atomicMax(T* address, T value) {
  return emulation::replace(address, [value](T before) { return std::max(before, value); });
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
