// Sums and votes over the threads of a warp or a block, in a fixed order, so that results are reproducible.
#pragma once

#include <cmath>

#include "core/view.hpp"

namespace bitlens::cuda {

inline constexpr unsigned kThreads = 256;  // of a block; block_sum and block_max require it
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

// The values of all warps, for all threads of the block.
struct OfWarps {
  double at[kWarps];
};

inline __device__ const OfWarps& gather_from_warps(double value) {
  __shared__ OfWarps of_warps;
  __syncthreads();  // the values of the previous call have been read
  if (threadIdx.x % kWarp == 0) of_warps.at[threadIdx.x / kWarp] = value;
  __syncthreads();
  return of_warps;
}

inline __device__ double block_sum(double value) {
  double sum = 0;
  for (const double of_warp : gather_from_warps(warp_sum(value)).at) sum += of_warp;
  return sum;
}

inline __device__ double block_max(double value) {
  double most = -HUGE_VAL;
  for (const double of_warp : gather_from_warps(warp_max(value)).at) most = fmax(most, of_warp);
  return most;
}

// How many lanes below this one voted yes, and how many of all lanes.
struct Votes {
  int before;
  int all;
};

inline __device__ Votes count_votes(bool yes) {
  const unsigned votes = __ballot_sync(kAllLanes, yes);
  return {__popc(votes & ((1U << lane_of_thread()) - 1)), __popc(votes)};
}

}  // namespace bitlens::cuda
