// The loops over neighbours. Sums run in lanes that are added in order, so every instruction set computes the
// same bits.
#include "cpu/simd/weights.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

constexpr Index kLanes = 16;

double total(const double* lanes) {
  double sum = 0;
  for (Index l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

void weights(const double* distances, Index k, double inverse, double* out) {
  for (Index j = 0; j < k; ++j) out[j] = neighbor_weight(distances[j], inverse);
}

WeightSums sums(const double* distances, Index k, double inverse) {
  double sum[kLanes] = {};
  double slope[kLanes] = {};
  for (Index j = 0; j < k; j += kLanes) {
    const Index count = k - j < kLanes ? k - j : kLanes;
    double ratio[kLanes] = {};
    double weight[kLanes];
    for (Index l = 0; l < count; ++l) ratio[l] = distances[j + l] * inverse;
    for (Index l = 0; l < kLanes; ++l) weight[l] = exp_of_negative(-ratio[l]);
    for (Index l = 0; l < count; ++l) sum[l] += weight[l];
    for (Index l = 0; l < count; ++l) slope[l] += weight[l] * ratio[l];
  }
  return {total(sum), total(slope)};
}

PairSums edge_sums(const Edges& edges) {
  double weight[kLanes] = {};
  double weighted_log[kLanes] = {};
  const double inverse = edges.inverse_scales[edges.sample];
  for (Index e = 0; e < edges.k; e += kLanes) {
    const Index count = edges.k - e < kLanes ? edges.k - e : kLanes;
    double distance[kLanes] = {};
    double other_inverse[kLanes] = {};
    double last_distance[kLanes] = {};
    std::int32_t last_index[kLanes] = {};
    for (Index l = 0; l < count; ++l) {
      const std::int32_t j = edges.indices[e + l];
      distance[l] = edges.distances[e + l];
      other_inverse[l] = edges.inverse_scales[j];
      last_distance[l] = edges.last_distances[j];
      last_index[l] = edges.last_indices[j];
    }
    for (Index l = 0; l < kLanes; ++l) {
      const bool mutual = is_among(distance[l], edges.sample, last_distance[l], last_index[l]);
      const double forward = neighbor_weight(distance[l], inverse);
      const double backward = neighbor_weight(distance[l], other_inverse[l]);
      const double w = edge_weight(forward, backward, mutual);
      const double pairs = l < count ? ordered_pairs(mutual) : 0.0;
      weight[l] += pairs * w;
      weighted_log[l] += pairs * xlog2x(w);
    }
  }
  return {total(weight), total(weighted_log)};
}

}  // namespace

const WeightLoops weight_loops = {weights, sums, edge_sums};

}  // namespace bitlens::cpu::BITLENS_ISA
