// From neighbour distances to probabilities and to the entropy of all pairs.
#include <cmath>
#include <utility>
#include <vector>

#include "core/numerics.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"

namespace bitlens::cpu {

void neighbor_scales(View<const double, 2> distances, View<double, 1> scales, View<double, 2> probabilities) {
  const Index n = distances.shape[0];
  const Index k = distances.shape[1];
  require(k >= 2, "distances: k must be 2 or more, or log2(k) leaves no scale");
  require_size(scales.shape[0], n, "scales");
  require_size(probabilities.shape[0], n, "probabilities: samples");
  require_size(probabilities.shape[1], k, "probabilities: k");
  const double target = std::log2(static_cast<double>(k));
  parallel_for(n, [&](Index i) {
    const double scale = solve_scale(distances.row(i), k, target);
    scales.data[i] = scale;
    for (Index j = 0; j < k; ++j) probabilities.row(i)[j] = neighbor_weight(distances.row(i)[j], scale);
  });
}

// No transposed table: distances are bitwise symmetric, so j counts i among its neighbours exactly if
// (distance, i) does not come after j's last neighbour. A mutual edge stands for one ordered pair of weight
// P(j|i) + P(i|j), as its reverse is met at j; a one-sided edge stands for both ordered pairs.
void edge_entropy(View<const double, 2> distances, View<const Index, 2> indices, View<const double, 1> scales,
                  View<double, 1> entropy) {
  const Index n = distances.shape[0];
  const Index k = distances.shape[1];
  require_size(indices.shape[0], n, "indices: samples");
  require_size(indices.shape[1], k, "indices: k");
  require_size(scales.shape[0], n, "scales");
  require_size(entropy.shape[0], 1, "entropy");
  require(k >= 1, "distances: no neighbours");
  for (Index i = 0; i < n; ++i) {
    for (Index e = 0; e < k; ++e) {
      const Index j = indices.row(i)[e];
      require(j >= 0 && j < n, "indices: index " + std::to_string(j) + " is no sample");
    }
  }
  std::vector<double> weight(static_cast<std::size_t>(n));
  std::vector<double> weighted_log(static_cast<std::size_t>(n));

  parallel_for(n, [&](Index i) {
    double sum = 0;
    double sum_log = 0;
    for (Index e = 0; e < k; ++e) {
      const double distance = distances.row(i)[e];
      const Index j = indices.row(i)[e];
      const double forward = neighbor_weight(distance, scales.data[i]);
      const bool mutual = std::pair(distance, i) <= std::pair(distances.row(j)[k - 1], indices.row(j)[k - 1]);
      if (mutual) {
        const double both = forward + neighbor_weight(distance, scales.data[j]);
        sum += both;
        sum_log += xlog2x(both);
      } else {
        sum += 2 * forward;
        sum_log += 2 * xlog2x(forward);
      }
    }
    weight[static_cast<std::size_t>(i)] = sum;
    weighted_log[static_cast<std::size_t>(i)] = sum_log;
  });

  double total = 0;
  double total_log = 0;
  for (Index i = 0; i < n; ++i) {
    total += weight[static_cast<std::size_t>(i)];
    total_log += weighted_log[static_cast<std::size_t>(i)];
  }
  entropy.data[0] = std::log2(total) - total_log / total;
}

}  // namespace bitlens::cpu
