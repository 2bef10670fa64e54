// What operations demand of the sizes of their operands, shared by the back-ends.
#pragma once

#include <cmath>
#include <string>

#include "core/check.hpp"
#include "core/ops.hpp"

namespace bitlens {

template <class T>
void check_center_samples(const View<const T, 2>& x, const View<const double, 1>& mean, double width,
                          const View<float, 3>& panels, const View<double, 1>& norms, Index panel) {
  require_size(mean.shape[0], x.shape[1], "mean");
  require(width > 0 && width < HUGE_VAL,
          "width: expected a finite number above 0, got " + std::to_string(width));
  require_size(panels.shape[0], (x.shape[0] + panel - 1) / panel, "panels");
  require_size(panels.shape[1], x.shape[1], "panels: values");
  require_size(panels.shape[2], panel, "panels: samples");
  require_size(norms.shape[0], x.shape[0], "norms");
}

inline void check_dot_products(const View<const float, 3>& rows, const View<const float, 3>& columns,
                               const View<float, 2>& dots, Index panel) {
  require_size(rows.shape[2], panel, "rows: samples of a panel");
  require_size(columns.shape[2], panel, "columns: samples of a panel");
  require_size(columns.shape[1], rows.shape[1], "columns: values");
  require_size(dots.shape[0], rows.shape[0] * panel, "dots: rows");
  require_size(dots.shape[1], columns.shape[0] * panel, "dots: columns");
}

inline void check_candidates(const Candidates& candidates, Index n) {
  require(n <= INT32_MAX, "more than 2^31 - 1 samples");
  require_size(candidates.bounds.shape[0], n, "bounds: samples");
  require_size(candidates.indices.shape[0], n, "candidates: samples");
  require_size(candidates.indices.shape[1], candidates.bounds.shape[1], "candidates: capacity");
  require_size(candidates.counts.shape[0], n, "counts");
  require_size(candidates.limits.shape[0], n, "limits");
}

// `block` is how many pairs are added before a list is cut.
inline void check_keep_nearest(const View<const float, 2>& dots, const View<const float, 1>& norms,
                               Index first_row, Index first_column, Index kept, const Candidates& candidates,
                               Index block) {
  const Index n = norms.shape[0];
  const Index capacity = candidates.bounds.shape[1];
  check_candidates(candidates, n);
  require(first_row >= 0 && first_row + dots.shape[0] <= n, "dots: rows beyond the last sample");
  require(first_column >= first_row && first_column + dots.shape[1] <= n,
          "dots: columns beyond the last sample, or before the first row");
  require_kept(kept, 1, capacity - block, capacity);
}

inline void check_cut_candidates(Index kept, const Candidates& candidates,
                                 const View<const double, 1>& taken_off, Index k,
                                 const View<double, 2>& boundaries) {
  const Index n = taken_off.shape[0];
  check_candidates(candidates, n);
  require_kept(kept, 0, candidates.bounds.shape[1], candidates.bounds.shape[1]);
  require(k >= 1 && k < n,
          "k: expected 1 to n - 1 = " + std::to_string(n - 1) + ", got " + std::to_string(k));
  require_size(boundaries.shape[0], n, "boundaries: samples");
  require_size(boundaries.shape[1], 2, "boundaries: estimate, and how far it may be off");
}

template <class T>
void check_exact_neighbors(const View<const T, 2>& x, const Candidates& candidates,
                           const View<const double, 1>& taken_off, const View<const double, 2>& boundaries,
                           Index k, const View<double, 2>& distances, const View<std::int32_t, 2>& indices,
                           Index room) {
  const Index n = x.shape[0];
  check_candidates(candidates, n);
  require_size(taken_off.shape[0], n, "taken_off");
  require_size(boundaries.shape[0], n, "boundaries: samples");
  require_size(boundaries.shape[1], 2, "boundaries: estimate, and how far it may be off");
  require(k >= 1 && k < n,
          "k: expected 1 to n - 1 = " + std::to_string(n - 1) + ", got " + std::to_string(k));
  require_size(distances.shape[0], n, "distances: samples");
  require(distances.shape[1] >= room, "distances: expected room for " + std::to_string(room) + ", got " +
                                          std::to_string(distances.shape[1]));
  require_size(indices.shape[0], n, "indices: samples");
  require_size(indices.shape[1], distances.shape[1], "indices: room");
}

inline void check_neighbor_scales(const View<const double, 2>& distances, const View<double, 1>& scales) {
  require(distances.shape[1] >= 2, "distances: k must be 2 or more, or log2(k) leaves no scale");
  require_size(scales.shape[0], distances.shape[0], "scales");
}

inline void check_neighbor_weights(const View<const double, 2>& distances,
                                   const View<const double, 1>& scales, const View<double, 2>& weights) {
  require_size(scales.shape[0], distances.shape[0], "scales");
  require_size(weights.shape[0], distances.shape[0], "weights: samples");
  require_size(weights.shape[1], distances.shape[1], "weights: k");
}

inline void check_edge_entropy(const View<const double, 2>& distances,
                               const View<const std::int32_t, 2>& indices,
                               const View<const double, 1>& scales, const View<double, 2>& sums,
                               const View<double, 1>& entropy) {
  require(distances.shape[0] >= 1 && distances.shape[1] >= 1, "distances: no neighbours");
  require_size(indices.shape[0], distances.shape[0], "indices: samples");
  require_size(indices.shape[1], distances.shape[1], "indices: k");
  require_size(scales.shape[0], distances.shape[0], "scales");
  require_size(sums.shape[0], distances.shape[0], "sums: samples");
  require_size(sums.shape[1], 2, "sums: of weights, and of weights times their logarithms");
  require_size(entropy.shape[0], 1, "entropy");
}

template <class T>
void check_distance_codes(const View<const T, 3>& maps, Index bins, const View<std::uint8_t, 2>& codes,
                          const View<double, 2>& ranges) {
  const Index n = maps.shape[0];
  require(n >= 2, "maps: at least two samples are needed for a pair");
  require_bins(bins);
  require_size(codes.shape[0], maps.shape[1], "codes: channels");
  require_size(codes.shape[1], n * (n - 1) / 2, "codes: pairs");
  require_size(ranges.shape[0], maps.shape[1], "ranges: channels");
  require_size(ranges.shape[1], 2, "ranges: ends");
}

inline void check_codes(const View<const std::uint8_t, 2>& a, const View<const std::uint8_t, 2>& b,
                        Index bins) {
  require_bins(bins);
  require(a.shape[1] == b.shape[1], "b: expected the " + std::to_string(a.shape[1]) +
                                        " sample pairs of a, got " + std::to_string(b.shape[1]));
  require(a.shape[1] <= INT32_MAX, "a: more than 2^31 - 1 sample pairs");
}

inline void check_joint_counts(const View<const std::uint8_t, 2>& a, const View<const std::uint8_t, 2>& b,
                               Index bins, const View<Index, 3>& counts) {
  check_codes(a, b, bins);
  require_size(counts.shape[0], a.shape[0], "counts: channels of a");
  require_size(counts.shape[1], b.shape[0], "counts: channels of b");
  require_size(counts.shape[2], bins * bins, "counts: bins * bins");
}

inline void check_code_entropies(const View<const std::uint8_t, 2>& a, const View<const std::uint8_t, 2>& b,
                                 Index bins, const View<double, 2>& joint, const View<double, 1>& entropies_a,
                                 const View<double, 1>& entropies_b) {
  check_codes(a, b, bins);
  require(a.shape[1] >= 1, "a: no sample pairs");
  require_size(joint.shape[0], a.shape[0], "joint: channels of a");
  require_size(joint.shape[1], b.shape[0], "joint: channels of b");
  require_size(entropies_a.shape[0], a.shape[0], "entropies_a");
  require_size(entropies_b.shape[0], b.shape[0], "entropies_b");
}

template <class T>
void check_value_histograms(const View<const T, 3>& maps, double low, double high,
                            const View<std::int32_t, 3>& counts) {
  require_size(counts.shape[0], maps.shape[0], "counts: samples");
  require_size(counts.shape[1], maps.shape[1], "counts: channels");
  require_bins(counts.shape[2]);
  require(maps.shape[2] <= INT32_MAX, "maps: more than 2^31 - 1 values in one map");
  require(low <= high, "low: above high");
}

template <class T>
void check_label_counts(const View<const T, 3>& maps, const View<const double, 2>& edges,
                        const View<const Index, 1>& labels, const View<Index, 3>& counts) {
  require_size(edges.shape[0], maps.shape[1], "edges: channels");
  require_size(labels.shape[0], maps.shape[0], "labels");
  require_size(counts.shape[0], maps.shape[1], "counts: channels");
  require_size(counts.shape[2], edges.shape[1] + 1, "counts: bins");
  require(maps.shape[0] <= INT32_MAX, "maps: more than 2^31 - 1 samples");
  for (Index i = 0; i < labels.shape[0]; ++i) require_index(labels.data[i], counts.shape[1], "labels");
}

inline void check_histogram_entropies(const View<const std::int32_t, 3>& counts,
                                      const View<double, 2>& entropies) {
  require_size(entropies.shape[0], counts.shape[0], "entropies: samples");
  require_size(entropies.shape[1], counts.shape[1], "entropies: channels");
}

template <class T>
void check_squared_distances(const View<const T, 3>& maps, const View<double, 3>& squares) {
  require_size(squares.shape[0], maps.shape[1], "squares: channels");
  require_size(squares.shape[1], maps.shape[0], "squares: samples");
  require_size(squares.shape[2], maps.shape[0], "squares: samples");
}

template <class T>
void check_gram_spectrum(const View<const T, 3>& matrices, const View<double, 2>& spectra) {
  const Index n = matrices.shape[1];
  require(n >= 1, "matrices: no rows");
  require_size(matrices.shape[2], n, "matrices: columns");
  require_size(spectra.shape[0], matrices.shape[0], "spectra: matrices");
  require_size(spectra.shape[1], n, "spectra: eigenvalues");
}

template <class T>
void check_renyi_entropies(const View<const T, 3>& squared_distances, const View<const Index, 1>& starts,
                           const View<const Index, 1>& members, const View<const double, 1>& weights,
                           double alpha, const View<double, 1>& entropies) {
  require(squared_distances.shape[1] >= 1, "squared_distances: no samples");
  require_size(squared_distances.shape[2], squared_distances.shape[1], "squared_distances: columns");
  require(starts.shape[0] >= 1, "starts: expected one more than there are sets, got none");
  require_size(entropies.shape[0], starts.shape[0] - 1, "entropies");
  require_size(weights.shape[0], members.shape[0], "weights");
  require(std::isfinite(alpha) && alpha > 0,
          "alpha: expected a finite number above 0, got " + std::to_string(alpha));
}

}  // namespace bitlens
