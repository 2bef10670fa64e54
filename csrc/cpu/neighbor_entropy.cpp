// From neighbour distances to probabilities and to the entropy of all pairs.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/numerics.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/weights.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kSamplesPerTask = 64;

Index tasks_for(Index samples) { return (samples + kSamplesPerTask - 1) / kSamplesPerTask; }

}  // namespace

void neighbor_scales(View<const double, 2> distances, View<double, 1> scales) {
  const Index n = distances.shape[0];
  const Index k = distances.shape[1];
  require(k >= 2, "distances: k must be 2 or more, or log2(k) leaves no scale");
  require_size(scales.shape[0], n, "scales");
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
  const Index n = distances.shape[0];
  const Index k = distances.shape[1];
  require_size(scales.shape[0], n, "scales");
  require_size(weights.shape[0], n, "weights: samples");
  require_size(weights.shape[1], k, "weights: k");
  parallel_for(n, [&](Index i) {
    weight_loops().weights(distances.row(i), k, inverse_scale(scales.data[i]), weights.row(i));
  });
}

void edge_entropy(View<const double, 2> distances, View<const std::int32_t, 2> indices,
                  View<const double, 1> scales, View<double, 1> entropy) {
  const Index n = distances.shape[0];
  const Index k = distances.shape[1];
  require_size(indices.shape[0], n, "indices: samples");
  require_size(indices.shape[1], k, "indices: k");
  require_size(scales.shape[0], n, "scales");
  require_size(entropy.shape[0], 1, "entropy");
  require(k >= 1, "distances: no neighbours");

  std::vector<double> inverse_scales;
  std::vector<double> last_distances;
  std::vector<std::int32_t> last_indices;
  for (Index i = 0; i < n; ++i) {
    inverse_scales.push_back(inverse_scale(scales.data[i]));
    last_distances.push_back(distances.row(i)[k - 1]);
    last_indices.push_back(indices.row(i)[k - 1]);
  }
  std::vector<EdgeSums> sums(static_cast<std::size_t>(n));
  parallel_for(tasks_for(n), [&](Index task) {
    for (Index i = task * kSamplesPerTask; i < std::min(n, (task + 1) * kSamplesPerTask); ++i) {
      const auto [lowest, highest] = std::minmax_element(indices.row(i), indices.row(i) + k);
      require_index(*lowest, n, "indices");
      require_index(*highest, n, "indices");
      sums[static_cast<std::size_t>(i)] =
          weight_loops().edges({i, distances.row(i), indices.row(i), inverse_scales.data(),
                                last_distances.data(), last_indices.data(), k});
    }
  });

  double weight = 0;
  double weighted_log = 0;
  for (const EdgeSums& sum : sums) {
    weight += sum.weight;
    weighted_log += sum.weighted_log;
  }
  entropy.data[0] = std::log2(weight) - weighted_log / weight;
}

}  // namespace bitlens::cpu
