// The filter of the neighbour search: which pairs of a tile of dot products may be among the nearest.
#pragma once

#include "core/ops/candidates.hpp"

namespace bitlens {

// Adds the pairs i < j of a tile of rows i and columns j to the lists of both samples. The bound of a pair is
// norms[i] + norms[j] - 2 dot. A list that is full is cut to about the `kept` smallest bounds; among equal
// bounds those with the smallest index stay. For every run of rows the tiles must come from left to right and
// cover all columns from first_row on. A NaN bound is dropped.
struct KeepNearest {
  View<const float, 2> dots;   // [rows, columns]
  View<const float, 1> norms;  // [n], in the unit of the dots
  Index first_row;             // the sample of the first row
  Index first_column;          // the sample of the first column, at least first_row
  Index kept;                  // 1 to capacity - selection_block
  Candidates candidates;       // in and out, counts up to capacity - selection_block

  void check(const BackEnd& back_end) const {
    const Index n = norms.shape[0];
    const Index most = candidates.capacity() - back_end.selection_block;
    candidates.check(n, most, back_end);
    require(first_row >= 0 && first_row <= n - dots.shape[0], "dots: rows beyond the last sample");
    require(first_column >= first_row && first_column <= n - dots.shape[1],
            "dots: columns beyond the last sample, or before the first row");
    require_between(kept, 1, most, "kept");
  }
};

// Cuts every list to its `kept` smallest bounds, and locates the k-th smallest estimate of each sample. An
// estimate is defined by estimate_from_bound.
struct CutCandidates {
  Index kept;             // 0 to capacity
  Candidates candidates;  // in and out
  double unit;            // of the bounds, in the unit of squared distances of x
  View<const double, 1>
      error_bounds;  // [n]: subtracted from the sample's squared distances, in the unit of x squared
  Index k;           // 1 to n - 1
  View<double, 2>
      kth_estimates;  // [n, 2], out: the k-th smallest estimate of a sample, and the largest error of
                      // its estimates; (0, infinity) for a list of fewer than k candidates

  void check(const BackEnd& back_end) const {
    const Index n = error_bounds.shape[0];
    candidates.check(n, candidates.capacity(), back_end);
    require_between(kept, 0, candidates.capacity(), "kept");
    require_neighbors(k, n);
    require_size(kth_estimates.shape[0], n, "kth_estimates: samples");
    require_size(kth_estimates.shape[1], 2, "kth_estimates: estimate and error");
  }
};

}  // namespace bitlens
