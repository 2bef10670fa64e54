// Value histograms of single maps and their entropies: one block for each map, which counts in shared memory.
// Counts are integers, so the result does not depend on the order of the atomic additions.
#include "core/numerics.hpp"
#include "core/ops/value_histograms.hpp"
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
    // Each thread clears for the next map what it has read itself.
    for (int b = threadIdx.x; b < scheme.count; b += kThreads) result[b] = histogram[b];
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

template <class T>
void launch_counts(const ValueHistograms<T>& op, Stream stream) {
  const Index work = op.maps.shape[0] * op.maps.shape[1];
  const Bins scheme(op.low, op.high, static_cast<int>(op.counts.shape[2]));
  launch("value_histograms", count_values<T>, {std::min(work, kMaxBlocks)}, kThreads, 0, stream, op.maps,
         scheme, op.counts);
}

}  // namespace

template <>
void run(const ValueHistograms<float>& op, Stream stream) {
  launch_counts(op, stream);
}
template <>
void run(const ValueHistograms<double>& op, Stream stream) {
  launch_counts(op, stream);
}

template <>
void run(const HistogramEntropies& op, Stream stream) {
  const Index work = op.counts.shape[0] * op.counts.shape[1];
  const Grid grid{std::min(ceil_div(work, kThreads), kMaxBlocks)};
  launch("histogram_entropies", entropy_of_counts, grid, kThreads, 0, stream, op.counts, op.entropies);
}

const char* architectures() { return BITLENS_CUDA_ARCHITECTURES; }

}  // namespace bitlens::cuda
