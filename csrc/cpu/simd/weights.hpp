// Neighbours' weights under a scale, and their sums.
#pragma once

#include "core/numerics.hpp"
#include "core/view.hpp"
#include "cpu/simd/level.hpp"

namespace bitlens::cpu {

// One sample's edges to its k neighbours, and what is known of every sample.
struct Edges {
  Index sample;
  const double* distances;           // [k], ascending
  const std::int32_t* indices;       // [k]
  const double* inverse_scales;      // [n]
  const double* last_distances;      // [n], of every sample's own last neighbour
  const std::int32_t* last_indices;  // [n]
  Index k;
};

// Sums over ordered pairs: of the weights w, and of w log2 w.
struct EdgeSums {
  double weight;
  double weighted_log;
};

struct WeightLoops {
  void (*weights)(const double* distances, Index k, double inverse, double* out);
  WeightSums (*sums)(const double* distances, Index k, double inverse);
  // No transposed table is needed to tell whether j counts this sample among its neighbours. A mutual edge
  // stands for one ordered pair of weight P(j|i) + P(i|j), as its reverse is met at j; a one-sided edge
  // stands for both ordered pairs.
  EdgeSums (*edges)(const Edges& edges);
};
BITLENS_LOOPS(WeightLoops, weight_loops)

}  // namespace bitlens::cpu
