// Sums over the threads of a warp or a block, in a fixed order: the same bits each time.
#pragma once

namespace bitlens::cuda {

inline constexpr unsigned kThreads = 256;  // of a block, wherever block_sum is used
inline constexpr unsigned kWarp = 32;

// For all threads of the warp.
inline __device__ double warp_sum(double value) {
  for (int lane = kWarp / 2; lane > 0; lane /= 2) value += __shfl_xor_sync(~0U, value, lane);
  return value;
}

// For all threads of the block.
inline __device__ double block_sum(double value) {
  __shared__ double of_warps[kThreads / kWarp];
  value = warp_sum(value);
  __syncthreads();  // the sums of the call before are read
  if (threadIdx.x % kWarp == 0) of_warps[threadIdx.x / kWarp] = value;
  __syncthreads();
  double sum = 0;
  for (const double part : of_warps) sum += part;
  return sum;
}

}  // namespace bitlens::cuda
