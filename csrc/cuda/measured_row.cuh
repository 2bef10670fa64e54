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

// Adjacent values that a lane loads at once.
template <class T>
struct alignas(16) Pack {
  static constexpr int size = 16 / static_cast<int>(sizeof(T));
  T at[size];
};

// The squared distance of two samples, for all lanes; the same bits in either order of the samples, and
// whether or not their values lie at multiples of 16 bytes.
template <class T>
__device__ double measure(const T* x, const T* y, Index length) {
  constexpr int size = Pack<T>::size;
  const auto addresses = reinterpret_cast<std::uintptr_t>(x) | reinterpret_cast<std::uintptr_t>(y);
  const Index in_packs = addresses % sizeof(Pack<T>) == 0 ? length / size * size : 0;
  double sums[size] = {};
  const auto add = [&](int place, T a, T b) {
    const double difference = static_cast<double>(a) - static_cast<double>(b);
    sums[place] = fma(difference, difference, sums[place]);
  };
  Index d = lane_of_thread() * size;
#pragma unroll 2
  for (; d < in_packs; d += kWarp * size) {
    const Pack<T> a = *reinterpret_cast<const Pack<T>*>(x + d);
    const Pack<T> b = *reinterpret_cast<const Pack<T>*>(y + d);
#pragma unroll
    for (int place = 0; place < size; ++place) add(place, a.at[place], b.at[place]);
  }
#pragma unroll 1
  for (; d < length; d += kWarp * size) {
#pragma unroll
    for (int place = 0; place < size; ++place) {
      if (d + place < length) add(place, x[d + place], y[d + place]);
    }
  }
  double sum = 0;
#pragma unroll
  for (int place = 0; place < size; ++place) sum += sums[place];
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

// Which of the next kThreads elements a thread has. Each warp has every kWarps-th one, so that all warps have
// work where elements are few.
inline __device__ int place_of_thread() {
  return static_cast<int>(lane_of_thread() * kWarps + threadIdx.x / kWarp);
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
