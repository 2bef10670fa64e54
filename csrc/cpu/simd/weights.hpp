// Weights of neighbours under a scale, and their sums.
#pragma once

#include "core/numerics.hpp"
#include "core/view.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

// The edges of one sample to its k neighbours, and properties of all samples.
struct Edges {
  Index sample;
  const double* distances;           // [k], ascending
  const std::int32_t* indices;       // [k]
  const double* inverse_scales;      // [n]
  const double* last_distances;      // [n], of every sample's last neighbour
  const std::int32_t* last_indices;  // [n]
  Index k;
};

// Sums over ordered pairs: of the weights w, and of w log2 w.
struct PairSums {
  double weight;
  double weighted_log;
};

struct WeightLoops {
  void (*weights)(const double* distances, Index k, double inverse, double* out);
  WeightSums (*sums)(const double* distances, Index k, double inverse);
  // The terms are those of edge_weight and ordered_pairs in core/numerics.hpp.
  PairSums (*edges)(const Edges& edges);
};
BITLENS_LOOPS(WeightLoops, weight_loops)

}  // namespace bitlens::cpu
