// Every operation once, with its contract; both back-ends implement these declarations.
//
// Shapes are written behind the operands. Outputs are the last operands; the caller allocated them. An
// operation that takes a stream only enqueues its work there. Information is in bits.
#pragma once

#include "core/check.hpp"
#include "core/view.hpp"

namespace bitlens {

// Who may be among the nearest other samples of each sample: lists of lower bounds of squared distances, with
// ascending indices. Nothing that a list has dropped is below its limit. Lists start empty, with limit
// infinity.
struct Candidates {
  View<float, 2> bounds;          // [n, capacity]
  View<std::int32_t, 2> indices;  // [n, capacity]
  View<std::int32_t, 1> counts;   // [n]
  View<float, 1> limits;          // [n]
};

namespace cpu {

// --- K1: neighbours, scales, entropy (CNNSlicer, eq. 4 to 7) ---

// Samples lie side by side in panels of so many: value d of sample i is panels[i / kPanel][d][i % kPanel].
inline constexpr Index kPanel = 48;

// Samples around their mean, divided by `width`, as float32; zeros behind the last.
template <class T>
void center_samples(View<const T, 2> x,          // [n, d], finite
                    View<const double, 1> mean,  // [d]
                    double width,                // as large as any distance from the mean
                    View<float, 3> panels,       // [ceil(n / kPanel), d, kPanel], out
                    View<double, 1> norms);      // [n], out: squared, of what is in the panels

// Dot products of all samples of some panels with those of others.
void dot_products(View<const float, 3> rows,     // [panels, d, kPanel]
                  View<const float, 3> columns,  // [panels, d, kPanel]
                  View<float, 2> dots);          // [rows * kPanel, columns * kPanel], out

// Adds the pairs i < j of a tile of rows i and columns j to the lists of both; the bound of a pair is
// norms[i] + norms[j] - 2 dot. A list that is full is cut to about the `kept` smallest, of equal ones those
// of the smallest index. For every run of rows the tiles must come from left to right and cover all columns
// from first_row on.
void keep_nearest(View<const float, 2> dots,   // [rows, columns]
                  View<const float, 1> norms,  // [n]
                  Index first_row, Index first_column, Index kept,
                  Candidates candidates);  // in and out; capacity at least kept + 64

// Cuts every list to its `kept` best. A bound, plus what was taken off for both samples, is an estimate of
// the squared distance in the unit of x; boundaries[i] tells where the k-th smallest estimate of sample i
// lies, and by how much its estimates may be off: (0, infinity) for a list that is shorter.
void cut_candidates(Index kept, Candidates candidates,     // in and out
                    double unit,                           // of the bounds
                    View<const double, 1> taken_off,       // [n], from squared distances in the unit of x
                    Index k, View<double, 2> boundaries);  // [n, 2], out

// The k nearest other samples, ordered by (distance, index), by direct float64 differences. Only candidates
// are looked at if the k-th of them is closer than limit * unit; otherwise all samples are. An estimate that
// is at least `trusted` times what was taken off stands for the distance itself, unless it is near a
// boundary; with infinity, none does.
template <class T>
void exact_neighbors(View<const T, 2> x,  // [n, d]
                     Candidates candidates, double unit, View<const double, 1> taken_off, double trusted,
                     View<const double, 2> boundaries,    // [n, 2], of cut_candidates
                     Index k, View<double, 2> distances,  // [n, room], out: the first k of a row
                     View<std::int32_t, 2> indices);      // [n, room], out

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

// --- neurons and labels ---

// How many values of each channel, of samples of each class, lie at or above so many of its edges.
template <class T>
void label_counts(View<const T, 3> maps,        // [n, channels, values]
                  View<const double, 2> edges,  // [channels, bins - 1], ascending
                  View<const Index, 1> labels,  // [n]
                  View<Index, 3> counts);       // [channels, classes, bins], out

// --- K4: spectra, matrix-based Renyi entropy ---

// Squared Euclidean distances of all sample pairs in each channel.
template <class T>
void squared_distances(View<const T, 3> maps,     // [n, channels, values]
                       View<double, 3> squares);  // [channels, n, n], out

// All eigenvalues of symmetric matrices, ascending, in the arithmetic of the operand to tridiagonal matrices
// and in float64 from there. Only the lower triangles are read; they are finite.
//
// Here and below, `room` is for CUDA alone, for matrices whose triangle is too large for the shared memory of
// a block: as many rows as there are to be blocks at once.
template <class T>
void gram_spectrum(View<const T, 3> matrices,  // [batch, n, n]
                   View<double, 2> spectra,    // [batch, n], out
                   View<double, 2> room);      // [any, n (n + 1) / 2]

// Renyi entropies of order alpha of products of Gaussian kernels. Set s is the channels members[starts[s]] to
// members[starts[s + 1] - 1], its matrix A = exp(-sum_m weights[m] squared_distances[members[m]]) / n of
// trace 1, its entropy log2(tr A^alpha) / (1 - alpha) or, for alpha = 1, -tr(A log2 A). The distances are
// symmetric with zero diagonals; a NaN among them gives NaN. Errors are below 1e-9 bits, below 2e-6 for float
// and n up to 512; below alpha = 1 an eigenvalue of 0 adds up to the alpha-th power of 1e-16.
template <class T>
void renyi_entropies(View<const T, 3> squared_distances,       // [channels, n, n]
                     View<const Index, 1> starts,              // [sets + 1], from 0 to `total`
                     View<const Index, 1> members,             // [total]
                     View<const double, 1> weights,            // [total], one for each member
                     double alpha, View<double, 1> entropies,  // [sets], out
                     View<double, 2> room);                    // [any, n (n + 1) / 2]

}  // namespace cpu

namespace cuda {

// `stream` is a cudaStream_t; the caller has made the operands' device current.

inline constexpr Index kPanel = 128;

template <class T>
void center_samples(View<const T, 2> x, View<const double, 1> mean, double width, View<float, 3> panels,
                    View<double, 1> norms, void* stream);
void dot_products(View<const float, 3> rows, View<const float, 3> columns, View<float, 2> dots, void* stream);
// That counts are 0 to capacity, and candidates samples, only the host can tell, after waiting: so it is not
// checked.
void keep_nearest(View<const float, 2> dots, View<const float, 1> norms, Index first_row, Index first_column,
                  Index kept, Candidates candidates, void* stream);
void cut_candidates(Index kept, Candidates candidates, double unit, View<const double, 1> taken_off, Index k,
                    View<double, 2> boundaries, void* stream);
// Rows of the outputs have room for every candidate, and for kSearchBatch samples besides k.
inline constexpr Index kSearchBatch = 256;
template <class T>
void exact_neighbors(View<const T, 2> x, Candidates candidates, double unit, View<const double, 1> taken_off,
                     double trusted, View<const double, 2> boundaries, Index k, View<double, 2> distances,
                     View<std::int32_t, 2> indices, void* stream);
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
template <class T>
void squared_distances(View<const T, 3> maps, View<double, 3> squares, void* stream);
// A matrix that is not finite has the eigenvalues NaN.
template <class T>
void gram_spectrum(View<const T, 3> matrices, View<double, 2> spectra, View<double, 2> room, void* stream);
// That sets have members, members are channels and weights are finite, only the host can tell, after waiting:
// so it is not checked.
template <class T>
void renyi_entropies(View<const T, 3> squared_distances, View<const Index, 1> starts,
                     View<const Index, 1> members, View<const double, 1> weights, double alpha,
                     View<double, 1> entropies, View<double, 2> room, void* stream);

// The architectures this binary holds code for, such as "75,80,90"; empty without CUDA.
const char* architectures();

}  // namespace cuda

}  // namespace bitlens
