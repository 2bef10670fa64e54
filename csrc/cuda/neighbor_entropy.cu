// From neighbour distances to probabilities and to the entropy of all pairs. One warp for each sample, whose
// sums are in a fixed order.
#include "core/numerics.hpp"
#include "core/ops/neighbor_entropy.hpp"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {
namespace {

constexpr Index kSamplesPerBlock = kThreads / kWarp;

__device__ Index sample_of_warp() {
  return static_cast<Index>(blockIdx.x) * kSamplesPerBlock + threadIdx.x / kWarp;
}

Grid blocks_for(Index samples) { return {ceil_div(samples, kSamplesPerBlock)}; }

__global__ void __launch_bounds__(kThreads) solve(View<const double, 2> distances, View<double, 1> scales) {
  const Index i = sample_of_warp();
  if (i >= distances.shape[0]) return;
  const double* row = distances.row(i);
  const Index k = distances.shape[1];
  const unsigned lane = threadIdx.x % kWarp;
  const auto sums_at = [&](double inverse) {
    WeightSums sums{0, 0};
    for (Index j = lane; j < k; j += kWarp) {
      const double weight = neighbor_weight(row[j], inverse);
      sums.sum += weight;
      sums.slope += weight * (row[j] * inverse);
    }
    return WeightSums{warp_sum(sums.sum), warp_sum(sums.slope)};
  };
  const double scale = solve_scale(row, k, log2(static_cast<double>(k)), sums_at);
  if (lane == 0) scales.data[i] = scale;
}

__global__ void __launch_bounds__(kThreads)
    weigh(View<const double, 2> distances, View<const double, 1> scales, View<double, 2> weights) {
  const Index i = sample_of_warp();
  if (i >= distances.shape[0]) return;
  const double inverse = inverse_scale(scales.data[i]);
  for (Index j = threadIdx.x % kWarp; j < distances.shape[1]; j += kWarp) {
    weights.row(i)[j] = neighbor_weight(distances.row(i)[j], inverse);
  }
}

__global__ void __launch_bounds__(kThreads) sum_edges(EdgeSums op) {
  const Index i = sample_of_warp();
  if (i >= op.distances.shape[0]) return;
  const Index k = op.distances.shape[1];
  const double inverse = inverse_scale(op.scales.data[op.first + i]);
  double weight = 0;
  double weighted_log = 0;
  for (Index e = threadIdx.x % kWarp; e < k; e += kWarp) {
    const Index j = op.indices.row(i)[e];
    const double distance = op.distances.row(i)[e];
    const bool mutual = is_among(distance, op.first + i, op.last_distances.data[j], op.last_indices.data[j]);
    const double backward = neighbor_weight(distance, inverse_scale(op.scales.data[j]));
    const double w = edge_weight(neighbor_weight(distance, inverse), backward, mutual);
    const double pairs = ordered_pairs(mutual);
    weight += pairs * w;
    weighted_log += pairs * xlog2x(w);
  }
  weight = warp_sum(weight);
  weighted_log = warp_sum(weighted_log);
  if (threadIdx.x % kWarp != 0) return;
  op.sums.row(i)[0] = weight;
  op.sums.row(i)[1] = weighted_log;
}

__global__ void __launch_bounds__(kThreads)
    entropy_of_edges(View<const double, 2> sums, View<double, 1> entropy) {
  double weight = 0;
  double weighted_log = 0;
  for (Index i = threadIdx.x; i < sums.shape[0]; i += kThreads) {
    weight += sums.row(i)[0];
    weighted_log += sums.row(i)[1];
  }
  weight = block_sum(weight);
  weighted_log = block_sum(weighted_log);
  if (threadIdx.x == 0) entropy.data[0] = entropy_of_weights(weight, weighted_log);
}

}  // namespace

template <>
void run(const NeighborScales& op, Stream stream) {
  launch("neighbor_scales", solve, blocks_for(op.distances.shape[0]), kThreads, 0, stream, op.distances,
         op.scales);
}

template <>
void run(const NeighborWeights& op, Stream stream) {
  launch("neighbor_weights", weigh, blocks_for(op.distances.shape[0]), kThreads, 0, stream, op.distances,
         op.scales, op.weights);
}

template <>
void run(const EdgeSums& op, Stream stream) {
  launch("edge_sums", sum_edges, blocks_for(op.distances.shape[0]), kThreads, 0, stream, op);
}

template <>
void run(const EdgeEntropy& op, Stream stream) {
  launch("edge_entropy", entropy_of_edges, {1}, kThreads, 0, stream, op.sums, op.entropy);
}

}  // namespace bitlens::cuda
