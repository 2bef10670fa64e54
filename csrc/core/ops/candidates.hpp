// The lists of candidates that the neighbour search fills, cuts and reads.
#pragma once

#include <limits>

#include "core/check.hpp"

namespace bitlens {

// Candidate neighbours of each sample as lower bounds of squared distances, sorted by index. limits[i] bounds
// every discarded distance from below. Lists start empty (counts 0) with infinite limits.
struct Candidates {
  View<float, 2> bounds;          // [n, capacity], in the unit of the operation that reads them
  View<std::int32_t, 2> indices;  // [n, capacity]: the samples that the bounds belong to
  View<std::int32_t, 1> counts;   // [n]: how many entries of a row are in use
  View<float, 1> limits;          // [n]

  BITLENS_HD Index capacity() const { return bounds.shape[1]; }

  // Lists of n samples with at most `most` entries each. The indices are checked where they are read, because
  // that takes as long as reading them.
  void check(Index n, Index most, const BackEnd& back_end) const {
    require_at_most(n, std::numeric_limits<std::int32_t>::max(), "samples");
    require_size(bounds.shape[0], n, "bounds: samples");
    require_size(indices.shape[0], n, "candidates: samples");
    require_size(indices.shape[1], capacity(), "candidates: capacity");
    require_size(counts.shape[0], n, "counts");
    require_size(limits.shape[0], n, "limits");
    if (!back_end.reads_values) return;
    for (Index i = 0; i < n; ++i) require_between(counts.data[i], 0, most, "counts");
  }
};

// An estimated squared distance and how far it may be off.
struct Estimate {
  double squared;
  double error;
};

// The estimate behind a candidate's bound: center_samples subtracted the error bounds of both samples, and
// the bound is in units of `unit`.
BITLENS_HD inline Estimate estimate_from_bound(float bound, double unit, double error_bound,
                                               double other_error_bound) {
  const double error = error_bound + other_error_bound;
  return {static_cast<double>(bound) * unit + error, error};
}

}  // namespace bitlens
