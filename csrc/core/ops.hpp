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

// Keeps, for every row, the smallest of all lower bounds of squared distances seen so far. The bound of a
// pair is row_norm + column_norm - 2 dot; a pair of a sample with itself is left out by index. (bound, index)
// pairs form a max-heap per row, which starts as infinities; a full heap's root bounds everything that was
// not kept.
void keep_nearest(View<const float, 2> dots,                                   // [rows, columns]
                  View<const float, 1> row_norms,                              // [rows]
                  View<const float, 1> column_norms,                           // [columns]
                  Index first_row, Index first_column, View<float, 2> bounds,  // [rows, kept], in and out
                  View<Index, 2> indices);                                     // [rows, kept], in and out

// The exact k nearest other samples, ordered by (distance, index), of `rows` samples from first_row on, by
// direct float64 differences. Only the candidates are looked at if the k-th of them is closer than `beyond`,
// a squared distance that every other sample is known to reach; otherwise all samples are. No candidates: all
// samples.
template <class T>
void exact_neighbors(View<const T, 2> x,               // [n, d]
                     Index first_row,                  //
                     View<const Index, 2> candidates,  // [rows, kept]
                     View<const double, 1> beyond,     // [rows]
                     View<double, 2> distances,        // [rows, k], out
                     View<Index, 2> indices);          // [rows, k], out

// The scale of every sample and the probabilities of its neighbours under it (eq. 4, 5).
void neighbor_scales(View<const double, 2> distances,  // [n, k], ascending
                     View<double, 1> scales,           // [n], out; 0 stands for the limit s -> 0
                     View<double, 2> probabilities);   // [n, k], out

// Entropy of the symmetrised, normalised pair probabilities over ordered pairs (eq. 6, 7), in bits.
void edge_entropy(View<const double, 2> distances,  // [n, k], ascending
                  View<const Index, 2> indices,     // [n, k]
                  View<const double, 1> scales,     // [n]
                  View<double, 1> entropy);         // [1], out

// --- K2, K3: distance codes and joint counts (CNNSlicer, section 5.3.1) ---

// Euclidean distances of all sample pairs i < j in each channel, in `bins` equal bins between that channel's
// smallest and largest distance; pairs in the order of scipy's pdist. A constant channel is all zeros.
template <class T>
void distance_codes(View<const T, 3> maps,                     // [n, channels, values]
                    Index bins, View<std::uint8_t, 2> codes);  // [channels, n (n - 1) / 2], out

// How often each pair of codes occurs together.
void joint_counts(View<const std::uint8_t, 2> a,       // [channels a, pairs]
                  View<const std::uint8_t, 2> b,       // [channels b, pairs]
                  Index bins, View<Index, 3> counts);  // [channels a, channels b, bins * bins], out

// Joint entropies of all channel pairs, without ever holding all counts.
void joint_entropies(View<const std::uint8_t, 2> a,           // [channels a, pairs]
                     View<const std::uint8_t, 2> b,           // [channels b, pairs]
                     Index bins, View<double, 2> entropies);  // [channels a, channels b], out

// --- intra-sample entropy (CNNSlicer, section 4.4.2) ---

// Histogram of every map's values in `bins` equal bins over [low, high].
template <class T>
void value_histograms(View<const T, 3> maps,  // [n, channels, values], all within [low, high]
                      double low, double high, View<std::int32_t, 3> counts);  // [n, channels, bins], out

// Entropy of every histogram; an empty one has 0.
void histogram_entropies(View<const std::int32_t, 3> counts,  // [n, channels, bins]
                         View<double, 2> entropies);          // [n, channels], out

}  // namespace cpu

namespace cuda {

// `stream` is a cudaStream_t; the caller has made the operands' device current.
template <class T>
void value_histograms(View<const T, 3> maps, double low, double high, View<std::int32_t, 3> counts,
                      void* stream);
void histogram_entropies(View<const std::int32_t, 3> counts, View<double, 2> entropies, void* stream);

// The architectures this binary holds code for, such as "75,80,90"; empty without CUDA.
const char* architectures();

}  // namespace cuda

// What operations demand of their operands beyond rank and type, shared by the back-ends.
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
