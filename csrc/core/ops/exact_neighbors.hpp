// The last step of the neighbour search: exact distances of the pairs that the filter left.
#pragma once

#include <algorithm>
#include <limits>

#include "core/ops/candidates.hpp"

namespace bitlens {

// The k nearest other samples of each sample, ordered by (distance, index), by differences in float64. If the
// k-th nearest candidate is closer than limit * unit, the candidates are sufficient; otherwise all samples
// are searched. An estimate of at least `trusted` times its error replaces the measured distance, unless it
// is near the k-th estimate of either sample; with trusted = infinity every distance is measured. Equal
// samples have distance 0.
template <class T>
struct ExactNeighbors {
  View<const T, 2> x;                   // [n, d], finite, d >= 1
  Candidates candidates;                // of cut_candidates
  double unit;                          // of the bounds, in the unit of squared distances of x
  View<const double, 1> error_bounds;   // [n], as in cut_candidates
  double trusted;                       // relative to the error of an estimate
  View<const double, 2> kth_estimates;  // [n, 2], of cut_candidates
  Index k;                              // 1 to n - 1
  View<double, 2> distances;  // [n, width], out: the first k of a row, in the unit of x. The rest is scratch.
  View<std::int32_t, 2> indices;  // [n, width], out, as the distances
  View<std::uint8_t, 1> ties;     // [n], out: 1 if another sample is as far as the k-th neighbour, else 0

  void check(const BackEnd& back_end) const {
    const Index n = x.shape[0];
    require_at_least(x.shape[1], 1, "x: values of a sample");
    candidates.check(n, candidates.capacity(), back_end);
    require_size(error_bounds.shape[0], n, "error_bounds");
    require_size(kth_estimates.shape[0], n, "kth_estimates: samples");
    require_size(kth_estimates.shape[1], 2, "kth_estimates: estimate and error");
    require_neighbors(k, n);
    require_size(distances.shape[0], n, "distances: samples");
    const Index batch = back_end.search_batch;
    require_at_least(distances.shape[1], batch > 0 ? std::max(candidates.capacity(), k + 1 + batch) : k,
                     "distances: width of a row");
    require_size(indices.shape[0], n, "indices: samples");
    require_size(indices.shape[1], distances.shape[1], "indices: width of a row");
    require_size(ties.shape[0], n, "ties");
  }
};

// Whether an estimated squared distance must be replaced by the measured one: it is too small to trust, or it
// does not settle which samples are among the k nearest of either sample. Both samples decide alike, because
// the arguments of the two are symmetric.
BITLENS_HD inline bool needs_measuring(Estimate estimate, double trusted, const double* kth_estimate,
                                       const double* other_kth_estimate) {
  const auto [squared, error] = estimate;
  return !(squared >= trusted * error) || !(std::fabs(squared - kth_estimate[0]) > error + kth_estimate[1]) ||
         !(std::fabs(squared - other_kth_estimate[0]) > error + other_kth_estimate[1]);
}

}  // namespace bitlens
