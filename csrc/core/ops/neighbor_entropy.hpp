// From neighbour distances to pair probabilities and to the inter-sample entropy (CNNSlicer, Shen and Shen
// 2021, eq. 4 to 7).
#pragma once

#include "core/check.hpp"

namespace bitlens {

// The scale s of each sample with sum_j exp(-distance_j / s) = log2(k) (eq. 5). If log2(k) or more distances
// are 0, a scale does not exist; the result is 0, which stands for the limit s -> 0.
struct NeighborScales {
  View<const double, 2> distances;  // [n, k], ascending, k >= 2 because log2(1) = 0 leaves no scale
  View<double, 1> scales;           // [n], out, in the unit of the distances

  void check(const BackEnd&) const {
    require_at_least(distances.shape[1], 2, "distances: k");
    require_size(scales.shape[0], distances.shape[0], "scales");
  }
};

// The weight of each neighbour under its sample's scale: P(j|i) of eq. 4. Under scale 0 a neighbour has
// weight 1 at distance 0 and weight 0 elsewhere.
struct NeighborWeights {
  View<const double, 2> distances;  // [n, k]
  View<const double, 1> scales;     // [n], in the unit of the distances
  View<double, 2> weights;          // [n, k], out, 0 to 1

  void check(const BackEnd&) const {
    require_size(scales.shape[0], distances.shape[0], "scales");
    require_size(weights.shape[0], distances.shape[0], "weights: samples");
    require_size(weights.shape[1], distances.shape[1], "weights: k");
  }
};

// Sums over the pairs of a run of samples, in which each sample meets the pairs with its own neighbours (eq.
// 6). Whether a sample is among the neighbours of another follows from the last neighbour of that one. The
// CPU checks the indices while it reads them; CUDA does not check them.
struct EdgeSums {
  View<const double, 2> distances;           // [rows, k], ascending, rows and k at least 1
  View<const std::int32_t, 2> indices;       // [rows, k], 0 to n - 1
  Index first;                               // the index of the first of these samples among all n
  View<const double, 1> scales;              // [n], of neighbor_scales
  View<const double, 1> last_distances;      // [n], of every sample's last neighbour
  View<const std::int32_t, 1> last_indices;  // [n], of every sample's last neighbour
  View<double, 2> sums;                      // [rows, 2], out: the sums of w and of w log2 w

  void check(const BackEnd&) const {
    const Index rows = distances.shape[0];
    const Index n = scales.shape[0];
    require_at_least(rows, 1, "distances: samples");
    require_at_least(distances.shape[1], 1, "distances: k");
    require_size(indices.shape[0], rows, "indices: samples");
    require_size(indices.shape[1], distances.shape[1], "indices: k");
    require_at_least(n, rows, "scales");
    require_between(first, 0, n - rows, "first");
    require_size(last_distances.shape[0], n, "last_distances");
    require_size(last_indices.shape[0], n, "last_indices");
    require_size(sums.shape[0], rows, "sums: samples");
    require_size(sums.shape[1], 2, "sums: of weights, and of weights times their logarithms");
  }
};

// The entropy in bits of the symmetrised, normalised pair probabilities over ordered pairs (eq. 6 and 7),
// from the sums of all samples in their order. NaN if every weight is 0.
struct EdgeEntropy {
  View<const double, 2> sums;  // [n, 2], of edge_sums
  View<double, 1> entropy;     // [1], out, bits

  void check(const BackEnd&) const {
    require_at_least(sums.shape[0], 1, "sums: samples");
    require_size(sums.shape[1], 2, "sums: of weights, and of weights times their logarithms");
    require_size(entropy.shape[0], 1, "entropy");
  }
};

}  // namespace bitlens
