// Every operation once, with its contract; both back-ends implement these declarations.
//
// Shapes are written behind the operands. Outputs are the last operands; the caller allocated them. An
// operation that takes a stream only enqueues its work there. Information is in bits.
#pragma once

#include "core/check.hpp"
#include "core/view.hpp"

namespace bitlens {

namespace cpu {

// --- K1: neighbours, scales, entropy (CNNSlicer, eq. 4 to 7) ---

// Samples lie side by side in panels of so many: value d of sample i is panels[i / kPanel][d][i % kPanel].
inline constexpr Index kPanel = 48;

// Samples around their mean as float32, scaled to at most 1 so that no square overflows; zeros behind the
// last.
template <class T>
void center_samples(View<const T, 2> x,          // [n, d], finite
                    View<const double, 1> mean,  // [d]
                    View<float, 3> panels,       // [ceil(n / kPanel), d, kPanel], out
                    View<double, 1> norms,       // [n], out: squared, of what is in the panels
                    View<double, 1> width);      // [1], out: what the samples were divided by

// Dot products of all samples of some panels with those of others.
void dot_products(View<const float, 3> rows,     // [panels, d, kPanel]
                  View<const float, 3> columns,  // [panels, d, kPanel]
                  View<float, 2> dots);          // [rows * kPanel, columns * kPanel], out

// Who may be among the nearest other samples of each sample: lists of lower bounds of squared distances, with
// ascending indices. Nothing that a list has dropped is below its limit. Lists start empty, with limit
// infinity.
struct Candidates {
  View<float, 2> bounds;          // [n, capacity]
  View<std::int32_t, 2> indices;  // [n, capacity]
  View<std::int32_t, 1> counts;   // [n]
  View<float, 1> limits;          // [n]
};

// Adds the pairs i < j of a tile of rows i and columns j to the lists of both; the bound of a pair is
// norms[i] + norms[j] - 2 dot. A list that is full is cut to about the `kept` smallest, of equal ones those
// of the smallest index. For every run of rows the tiles must come from left to right and cover all columns
// from first_row on.
void keep_nearest(View<const float, 2> dots,   // [rows, columns]
                  View<const float, 1> norms,  // [n]
                  Index first_row, Index first_column, Index kept,
                  Candidates candidates);  // in and out; capacity at least kept + 64

// The k nearest other samples, ordered by (distance, index), by direct float64 differences. Only the `kept`
// best candidates are looked at if the k-th of them is closer than limit * unit; otherwise all samples are.
//
// The bound of a pair, plus what was taken off for both samples, is an estimate of its squared distance. One
// of at least `trusted` times what was taken off stands for the distance itself; with infinity, none does.
template <class T>
void exact_neighbors(View<const T, 2> x,  // [n, d]
                     Index kept, Candidates candidates,
                     double unit,                      // of the bounds
                     View<const double, 1> taken_off,  // [n], from squared distances in the unit of x
                     double trusted, View<double, 2> distances,  // [n, k], out
                     View<std::int32_t, 2> indices);             // [n, k], out

// The scale of every sample (eq. 5).
void neighbor_scales(View<const double, 2> distances,  // [n, k], ascending
                     View<double, 1> scales);          // [n], out; 0 stands for the limit s -> 0

// What each neighbour weighs under its sample's scale: P(j|i) of eq. 4.
void neighbor_weights(View<const double, 2> distances,  // [n, k]
                      View<const double, 1> scales,     // [n]
                      View<double, 2> weights);         // [n, k], out

// Entropy of the symmetrised, normalised pair probabilities over ordered pairs (eq. 6, 7), in bits.
void edge_entropy(View<const double, 2> distances,      // [n, k], ascending
                  View<const std::int32_t, 2> indices,  // [n, k]
                  View<const double, 1> scales,         // [n]
                  View<double, 2> sums,      // [n, 2], out: of each sample's weights w, and w log2 w
                  View<double, 1> entropy);  // [1], out

// --- K2, K3: distance codes and joint counts (CNNSlicer, section 5.3.1) ---

// Euclidean distances of all sample pairs i < j in each channel, in `bins` equal bins between that channel's
// smallest and largest distance; pairs in the order of scipy's pdist. A constant channel is all zeros.
template <class T>
void distance_codes(View<const T, 3> maps,                    // [n, channels, values]
                    Index bins, View<std::uint8_t, 2> codes,  // [channels, n (n - 1) / 2], out
                    View<double, 2> ranges);                  // [channels, 2], out: what the bins span

// How often each pair of codes occurs together.
void joint_counts(View<const std::uint8_t, 2> a,       // [channels a, pairs]
                  View<const std::uint8_t, 2> b,       // [channels b, pairs]
                  Index bins, View<Index, 3> counts);  // [channels a, channels b, bins * bins], out

// Entropies of every channel and of all channel pairs, without ever holding all counts.
void code_entropies(View<const std::uint8_t, 2> a,      // [channels a, pairs]
                    View<const std::uint8_t, 2> b,      // [channels b, pairs]
                    Index bins, View<double, 2> joint,  // [channels a, channels b], out
                    View<double, 1> entropies_a,        // [channels a], out
                    View<double, 1> entropies_b);       // [channels b], out

// --- values, and intra-sample entropy (CNNSlicer, section 4.4.2) ---

// Smallest and largest value; NaN both, if there is any.
template <class T>
void value_range(View<const T, 1> values,  // [size]
                 View<double, 1> range);   // [2], out

// Histogram of every map's values in `bins` equal bins over [low, high].
template <class T>
void value_histograms(View<const T, 3> maps,  // [n, channels, values], all within [low, high]
                      double low, double high, View<std::int32_t, 3> counts);  // [n, channels, bins], out

// Entropy of every histogram; an empty one has 0.
void histogram_entropies(View<const std::int32_t, 3> counts,  // [n, channels, bins]
                         View<double, 2> entropies);          // [n, channels], out

// --- K4: spectra, matrix-based Renyi entropy ---

// All eigenvalues of symmetric matrices, ascending, in the arithmetic of the operand to tridiagonal matrices
// and in float64 from there. Only the lower triangles are read; they are finite.
template <class T>
void gram_spectrum(View<const T, 3> matrices,  // [batch, n, n]
                   View<double, 2> spectra);   // [batch, n], out

// Renyi entropies of order alpha of products of Gaussian kernels. Set s is the channels members[starts[s]] to
// members[starts[s + 1] - 1], its matrix A = exp(-sum_m weights[m] squared_distances[members[m]]) / n of
// trace 1, its entropy log2(tr A^alpha) / (1 - alpha) or, for alpha = 1, -tr(A log2 A). The distances are
// symmetric with zero diagonals; a NaN among them gives NaN. Errors are below 1e-9 bits, below 2e-6 for float
// and n up to 512; below alpha = 1 an eigenvalue of 0 adds up to the alpha-th power of 1e-16.
template <class T>
void renyi_entropies(View<const T, 3> squared_distances,        // [channels, n, n]
                     View<const Index, 1> starts,               // [sets + 1], from 0 to `total`
                     View<const Index, 1> members,              // [total]
                     View<const double, 1> weights,             // [total], one for each member
                     double alpha, View<double, 1> entropies);  // [sets], out

}  // namespace cpu

namespace cuda {

// `stream` is a cudaStream_t; the caller has made the operands' device current.
template <class T>
void value_histograms(View<const T, 3> maps, double low, double high, View<std::int32_t, 3> counts,
                      void* stream);
void histogram_entropies(View<const std::int32_t, 3> counts, View<double, 2> entropies, void* stream);
void neighbor_scales(View<const double, 2> distances, View<double, 1> scales, void* stream);
void neighbor_weights(View<const double, 2> distances, View<const double, 1> scales, View<double, 2> weights,
                      void* stream);
// Neighbours are samples 0 to n - 1: whether they are, only the host can tell, after waiting.
void edge_entropy(View<const double, 2> distances, View<const std::int32_t, 2> indices,
                  View<const double, 1> scales, View<double, 2> sums, View<double, 1> entropy, void* stream);
template <class T>
void distance_codes(View<const T, 3> maps, Index bins, View<std::uint8_t, 2> codes, View<double, 2> ranges,
                    void* stream);
// Codes of `bins` or more are not counted: whether there are any, only the host can tell, after waiting.
void joint_counts(View<const std::uint8_t, 2> a, View<const std::uint8_t, 2> b, Index bins,
                  View<Index, 3> counts, void* stream);
void code_entropies(View<const std::uint8_t, 2> a, View<const std::uint8_t, 2> b, Index bins,
                    View<double, 2> joint, View<double, 1> entropies_a, View<double, 1> entropies_b,
                    void* stream);

// The architectures this binary holds code for, such as "75,80,90"; empty without CUDA.
const char* architectures();

}  // namespace cuda

// What operations demand of their operands beyond rank and type, shared by the back-ends.
inline void check_candidates(const cpu::Candidates& candidates, Index n) {
  require(n <= INT32_MAX, "more than 2^31 - 1 samples");
  require_size(candidates.bounds.shape[0], n, "bounds: samples");
  require_size(candidates.indices.shape[0], n, "candidates: samples");
  require_size(candidates.indices.shape[1], candidates.bounds.shape[1], "candidates: capacity");
  require_size(candidates.counts.shape[0], n, "counts");
  require_size(candidates.limits.shape[0], n, "limits");
  for (Index i = 0; i < n; ++i) {
    const std::int32_t count = candidates.counts.data[i];
    require(count >= 0 && count <= candidates.bounds.shape[1],
            "counts: expected 0 to " + std::to_string(candidates.bounds.shape[1]) + ", got " +
                std::to_string(count));
  }
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

inline void check_histogram_entropies(const View<const std::int32_t, 3>& counts,
                                      const View<double, 2>& entropies) {
  require_size(entropies.shape[0], counts.shape[0], "entropies: samples");
  require_size(entropies.shape[1], counts.shape[1], "entropies: channels");
}

}  // namespace bitlens
