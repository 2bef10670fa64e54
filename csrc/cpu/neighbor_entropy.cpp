// From neighbour distances to probabilities and to the entropy of all pairs.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/numerics.hpp"
#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/weights.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kSamplesPerTask = 64;

Index tasks_for(Index samples) { return (samples + kSamplesPerTask - 1) / kSamplesPerTask; }

}  // namespace

void neighbor_scales(View<const double, 2> distances, View<double, 1> scales) {
  check_neighbor_scales(distances, scales);
  const Index n = distances.shape[0];
  const Index k = distances.shape[1];
  const double target = std::log2(static_cast<double>(k));
  parallel_for(tasks_for(n), [&](Index task) {
    for (Index i = task * kSamplesPerTask; i < std::min(n, (task + 1) * kSamplesPerTask); ++i) {
      const double* row = distances.row(i);
      scales.data[i] =
          solve_scale(row, k, target, [&](double inverse) { return weight_loops().sums(row, k, inverse); });
    }
  });
}

void neighbor_weights(View<const double, 2> distances, View<const double, 1> scales,
                      View<double, 2> weights) {
  check_neighbor_weights(distances, scales, weights);
  parallel_for(distances.shape[0], [&](Index i) {
    weight_loops().weights(distances.row(i), distances.shape[1], inverse_scale(scales.data[i]),
                           weights.row(i));
  });
}

void edge_entropy(View<const double, 2> distances, View<const std::int32_t, 2> indices,
                  View<const double, 1> scales, View<double, 2> sums, View<double, 1> entropy) {
  check_edge_entropy(distances, indices, scales, sums, entropy);
  const Index n = distances.shape[0];
  const Index k = distances.shape[1];

  std::vector<double> inverse_scales;
  std::vector<double> last_distances;
  std::vector<std::int32_t> last_indices;
  for (Index i = 0; i < n; ++i) {
    inverse_scales.push_back(inverse_scale(scales.data[i]));
    last_distances.push_back(distances.row(i)[k - 1]);
    last_indices.push_back(indices.row(i)[k - 1]);
  }
  parallel_for(tasks_for(n), [&](Index task) {
    for (Index i = task * kSamplesPerTask; i < std::min(n, (task + 1) * kSamplesPerTask); ++i) {
      const auto [lowest, highest] = std::minmax_element(indices.row(i), indices.row(i) + k);
      require_index(*lowest, n, "indices");
      require_index(*highest, n, "indices");
      const EdgeSums of_sample =
          weight_loops().edges({i, distances.row(i), indices.row(i), inverse_scales.data(),
                                last_distances.data(), last_indices.data(), k});
      sums.row(i)[0] = of_sample.weight;
      sums.row(i)[1] = of_sample.weighted_log;
    }
  });

  double weight = 0;
  double weighted_log = 0;
  for (Index i = 0; i < n; ++i) {
    weight += sums.row(i)[0];
    weighted_log += sums.row(i)[1];
  }
  entropy.data[0] = std::log2(weight) - weighted_log / weight;
}

}  // namespace bitlens::cpu
