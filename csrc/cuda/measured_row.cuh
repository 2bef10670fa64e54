// Distances of one sample to others, measured by a warp each and sorted by a block.
#pragma once

#include <cmath>

#include "core/view.hpp"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {

// Squared distances and the samples that they belong to, in shared or in global memory.
struct Row {
  double* squared;
  std::int32_t* indices;
  int count;
};

// The squared distance of two samples, for all lanes; the same bits in either order of the samples.
template <class T>
__device__ double measure(const T* x, const T* y, Index length) {
  double sum = 0;
  for (Index d = lane_of_thread(); d < length; d += kWarp) {
    const double difference = static_cast<double>(x[d]) - static_cast<double>(y[d]);
    sum = fma(difference, difference, sum);
  }
  return warp_sum(sum);
}

// The squared distance of x to one other sample for each lane, where it is wanted.
template <class T>
__device__ double measure_wanted(const T* x, View<const T, 2> others, Index other, bool wanted,
                                 double otherwise) {
  double result = otherwise;
  for (unsigned left = __ballot_sync(kAllLanes, wanted); left != 0; left &= left - 1) {
    const unsigned lane = static_cast<unsigned>(__ffs(left) - 1);
    const double squared = measure(x, others.row(__shfl_sync(kAllLanes, other, lane)), others.shape[1]);
    if (lane_of_thread() == lane) result = squared;
  }
  return result;
}

// A bitonic sort by (distance, index). Every step puts the smaller of two first, so elements that are missing
// from a power of two act like infinite ones: they stay in place.
inline __device__ void sort(Row row) {
  const auto order = [&](int first, int second) {
    if (second >= row.count) return;
    const double a = row.squared[first];
    const double b = row.squared[second];
    if (a < b || (a == b && row.indices[first] <= row.indices[second])) return;
    row.squared[first] = b;
    row.squared[second] = a;
    const std::int32_t index = row.indices[first];
    row.indices[first] = row.indices[second];
    row.indices[second] = index;
  };
  const int thread = static_cast<int>(threadIdx.x);
  int half = 1;
  __syncthreads();
  for (int run = 2; half < row.count; run *= 2, half *= 2) {
    // Two sorted runs are merged, the second one backwards; then halves of halves.
    for (int pair = thread; pair < (row.count + 1) / 2 + half; pair += static_cast<int>(kThreads)) {
      const int start = pair / half * run;
      order(start + pair % half, start + run - 1 - pair % half);
    }
    __syncthreads();
    for (int step = half / 2; step > 0; step /= 2) {
      for (int pair = thread; pair < (row.count + 1) / 2 + step; pair += static_cast<int>(kThreads)) {
        const int first = pair / step * 2 * step + pair % step;
        order(first, first + step);
      }
      __syncthreads();
    }
  }
}

}  // namespace bitlens::cuda
