// Value histograms of single maps and their entropies: one block a map, counted in shared memory. Counts are
// integers, so the order of the atomic additions does not show in the result.
#include "core/numerics.hpp"
#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cuda/launch.cuh"

namespace bitlens::cuda {
namespace {

constexpr unsigned kThreads = 256;

template <class T>
__global__ void __launch_bounds__(kThreads)
    count_values(View<const T, 3> maps, Bins scheme, View<std::int32_t, 3> counts) {
  __shared__ int histogram[kMaxBins];
  const Index channels = maps.shape[1];
  for (Index map = blockIdx.x; map < maps.shape[0] * channels; map += gridDim.x) {
    const T* values = maps.row(map / channels, map % channels);
    std::int32_t* result = counts.row(map / channels, map % channels);
    for (int b = threadIdx.x; b < scheme.count; b += kThreads) histogram[b] = 0;
    __syncthreads();
    for (Index v = threadIdx.x; v < maps.shape[2]; v += kThreads) {
      atomicAdd(&histogram[scheme.index(static_cast<double>(values[v]))], 1);
    }
    __syncthreads();
    for (int b = threadIdx.x; b < scheme.count; b += kThreads) result[b] = histogram[b];
    __syncthreads();
  }
}

__global__ void __launch_bounds__(kThreads)
    entropy_of_counts(View<const std::int32_t, 3> counts, View<double, 2> entropies) {
  const Index channels = counts.shape[1];
  const Index first = static_cast<Index>(blockIdx.x) * kThreads + threadIdx.x;
  const Index step = static_cast<Index>(gridDim.x) * kThreads;
  for (Index map = first; map < counts.shape[0] * channels; map += step) {
    const std::int32_t* histogram = counts.row(map / channels, map % channels);
    double total = 0;
    double sum = 0;
    for (Index b = 0; b < counts.shape[2]; ++b) {
      total += histogram[b];
      sum += xlog2x(histogram[b]);
    }
    entropies.row(map / channels)[map % channels] = entropy_of_sums(total, sum);
  }
}

}  // namespace

template <class T>
void value_histograms(View<const T, 3> maps, double low, double high, View<std::int32_t, 3> counts,
                      void* stream) {
  check_value_histograms(maps, low, high, counts);
  const Index work = maps.shape[0] * maps.shape[1];
  const Bins scheme(low, high, static_cast<int>(counts.shape[2]));
  launch("value_histograms", count_values<T>, {std::min(work, kMaxBlocks)}, kThreads, 0, stream, maps, scheme,
         counts);
}

template void value_histograms(View<const float, 3>, double, double, View<std::int32_t, 3>, void*);
template void value_histograms(View<const double, 3>, double, double, View<std::int32_t, 3>, void*);

void histogram_entropies(View<const std::int32_t, 3> counts, View<double, 2> entropies, void* stream) {
  check_histogram_entropies(counts, entropies);
  const Index work = counts.shape[0] * counts.shape[1];
  const Grid grid{std::min((work + kThreads - 1) / kThreads, kMaxBlocks)};
  launch("histogram_entropies", entropy_of_counts, grid, kThreads, 0, stream, counts, entropies);
}

const char* architectures() { return BITLENS_CUDA_ARCHITECTURES; }

}  // namespace bitlens::cuda
