// Launch checks of the CUDA back-end.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace bitlens::cuda {

// To be called after each launch: reports a launch that failed, without waiting for the kernel.
inline void check_launch(const char* kernel) {
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) throw std::runtime_error(std::string(kernel) + ": " + cudaGetErrorString(error));
}

}  // namespace bitlens::cuda
