// From neighbour distances to probabilities and to the entropy of all pairs.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/numerics.hpp"
#include "core/ops/neighbor_entropy.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/weights.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kSamplesPerTask = 64;

Index tasks_for(Index samples) { return ceil_div(samples, kSamplesPerTask); }

}  // namespace

template <>
void run(const NeighborScales& op) {
  const View<const double, 2> distances = op.distances;
  const Index n = distances.shape[0];
  const Index k = distances.shape[1];
  const double target = std::log2(static_cast<double>(k));
  parallel_for(tasks_for(n), [&](Index task) {
    for (Index i = task * kSamplesPerTask; i < std::min(n, (task + 1) * kSamplesPerTask); ++i) {
      const double* row = distances.row(i);
      op.scales.data[i] =
          solve_scale(row, k, target, [&](double inverse) { return weight_loops().sums(row, k, inverse); });
    }
  });
}

template <>
void run(const NeighborWeights& op) {
  parallel_for(op.distances.shape[0], [&](Index i) {
    weight_loops().weights(op.distances.row(i), op.distances.shape[1], inverse_scale(op.scales.data[i]),
                           op.weights.row(i));
  });
}

template <>
void run(const EdgeSums& op) {
  const View<const double, 2> distances = op.distances;
  const View<const std::int32_t, 2> indices = op.indices;
  const Index rows = distances.shape[0];
  const Index n = op.scales.shape[0];
  const Index k = distances.shape[1];

  std::vector<double> inverse_scales;
  inverse_scales.reserve(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) inverse_scales.push_back(inverse_scale(op.scales.data[i]));
  parallel_for(tasks_for(rows), [&](Index task) {
    for (Index i = task * kSamplesPerTask; i < std::min(rows, (task + 1) * kSamplesPerTask); ++i) {
      const auto [lowest, highest] = std::minmax_element(indices.row(i), indices.row(i) + k);
      require_index(*lowest, n, "indices");
      require_index(*highest, n, "indices");
      const PairSums of_sample =
          weight_loops().edges({op.first + i, distances.row(i), indices.row(i), inverse_scales.data(),
                                op.last_distances.data, op.last_indices.data, k});
      op.sums.row(i)[0] = of_sample.weight;
      op.sums.row(i)[1] = of_sample.weighted_log;
    }
  });
}

template <>
void run(const EdgeEntropy& op) {
  double weight = 0;
  double weighted_log = 0;
  for (Index i = 0; i < op.sums.shape[0]; ++i) {
    weight += op.sums.row(i)[0];
    weighted_log += op.sums.row(i)[1];
  }
  op.entropy.data[0] = entropy_of_weights(weight, weighted_log);
}

}  // namespace bitlens::cpu
