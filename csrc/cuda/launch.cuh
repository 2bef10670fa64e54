// Launches kernels and checks errors, without waiting for the GPU.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "core/backends.hpp"
#include "core/check.hpp"

namespace bitlens::cuda {

inline constexpr Index kMaxBlocks = INT32_MAX;  // along a grid's first axis
inline constexpr Index kMaxLayers = 65535;      // along its other axes

inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

struct Grid {
  Index x;
  Index y = 1;
  Index z = 1;
};

// Lets the blocks of a kernel have this much dynamic shared memory, in bytes. The limit belongs to the
// kernel, so it is raised at once to the most that the GPU grants: otherwise it would change between the
// request and the launch of another thread.
template <class Kernel>
void allow_shared_memory(Kernel* kernel, std::size_t bytes, const char* name) {
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, kernel), name);
  if (bytes <= static_cast<std::size_t>(attributes.maxDynamicSharedSizeBytes)) return;
  int device = 0;
  int most = 0;
  check(cudaGetDevice(&device), name);
  check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), name);
  most -= static_cast<int>(attributes.sharedSizeBytes);  // static arrays
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most), name);
}

// Enqueues a kernel, unless the grid has no blocks. The caller checks the grid's sizes, or limits them where
// the kernel strides over the remaining work. `shared` is in bytes.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared,
            Stream stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared > 0) allow_shared_memory(kernel, shared, name);
  cudaLaunchConfig_t config{};
  config.gridDim =
      dim3(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared;
  config.stream = static_cast<cudaStream_t>(stream);
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), name);
}

// The shared memory that the launch requested.
extern __shared__ double shared_memory[];

template <class T>
__device__ T* dynamic_shared() {
  return reinterpret_cast<T*>(shared_memory);
}

}  // namespace bitlens::cuda
