// The filter of the neighbour search: which pairs of a tile of samples may be among the nearest.
#pragma once

#include "core/ops/candidates.hpp"
#include "core/ops/dot_products.hpp"

namespace bitlens {

// Adds the pairs i < j of a tile of rows i and columns j to the lists of both samples. The bound of a pair is
// norms[i] + norms[j] - 2 dot, where the dot product is that of DotProducts. A list that is full is cut to
// about the `kept` smallest bounds; among equal bounds those with the smallest index stay. For every run of
// rows the tiles must come from left to right and cover all columns from first_row on. A NaN bound is
// dropped. Samples of a panel beyond the last one have no pairs.
struct KeepNearest {
  View<const float, 3> rows;     // [row panels, d, panel]
  View<const float, 3> columns;  // [column panels, d, panel]
  View<const float, 1> norms;    // [n], in the unit of the dot products
  Index first_row;               // the sample of the first row
  Index first_column;            // the sample of the first column, at least first_row
  Index kept;                    // 1 to capacity - selection_block
  View<float, 2> dots;           // [row panels * panel, column panels * panel], workspace
  View<std::int32_t, 1> marks;   // [at least pair_marks / 32 for each of the dots], workspace
  Candidates candidates;         // in and out, counts up to capacity - selection_block

  // The products of the pairs i < j are those above the diagonal.
  BITLENS_HD bool upper() const { return first_row == first_column; }
  // How many samples the tile has: its last panels may be filled up with zeros.
  BITLENS_HD Index row_samples() const { return within(dots.shape[0], norms.shape[0] - first_row); }
  BITLENS_HD Index column_samples() const { return within(dots.shape[1], norms.shape[0] - first_column); }

  void check(const BackEnd& back_end) const {
    const Index n = norms.shape[0];
    const Index most = candidates.capacity() - back_end.selection_block;
    DotProducts{rows, columns, dots}.check(back_end);
    require_at_least(rows.shape[1], 1, "rows: values of a sample");
    candidates.check(n, most, back_end);
    const auto are_samples = [&](Index first, Index panels) {
      return first >= 0 && first <= n && ceil_div(n - first, back_end.panel) >= panels;
    };
    require(are_samples(first_row, rows.shape[0]), "rows: panels beyond the last sample");
    require(first_column >= first_row && are_samples(first_column, columns.shape[0]),
            "columns: panels beyond the last sample, or before the first row");
    require_between(kept, 1, most, "kept");
    require_at_least(marks.shape[0], dots.shape[0] * dots.shape[1] / 32 * back_end.pair_marks, "marks");
  }

 private:
  BITLENS_HD static Index within(Index places, Index samples) { return samples < places ? samples : places; }
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
