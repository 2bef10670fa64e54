// Sums and votes over the threads of a warp or a block, in a fixed order: the same bits each time.
#pragma once

#include "core/view.hpp"

namespace bitlens::cuda {

inline constexpr unsigned kThreads = 256;  // of a block, wherever block_sum is used
inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kWarps = kThreads / kWarp;
inline constexpr unsigned kAllLanes = ~0U;

inline __device__ unsigned lane_of_thread() { return threadIdx.x % kWarp; }

// For all threads of the warp.
template <class T>
__device__ T warp_sum(T value) {
  for (unsigned lane = kWarp / 2; lane > 0; lane /= 2) value += __shfl_xor_sync(kAllLanes, value, lane);
  return value;
}

inline __device__ double warp_max(double value) {
  for (unsigned lane = kWarp / 2; lane > 0; lane /= 2) {
    value = fmax(value, __shfl_xor_sync(kAllLanes, value, lane));
  }
  return value;
}

// For all threads of the block.
inline __device__ double block_sum(double value) {
  __shared__ double of_warps[kWarps];
  value = warp_sum(value);
  __syncthreads();  // the sums of the call before are read
  if (threadIdx.x % kWarp == 0) of_warps[threadIdx.x / kWarp] = value;
  __syncthreads();
  double sum = 0;
  for (const double part : of_warps) sum += part;
  return sum;
}

// How many lanes below this one said yes, and how many of all.
struct Votes {
  int before;
  int all;
};

inline __device__ Votes count_votes(bool yes) {
  const unsigned votes = __ballot_sync(kAllLanes, yes);
  return {__popc(votes & ((1U << lane_of_thread()) - 1)), __popc(votes)};
}

}  // namespace bitlens::cuda
