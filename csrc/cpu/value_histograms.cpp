// The range of values, their histograms in single maps, and the entropies of the histograms.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/numerics.hpp"
#include "core/ops/value_histograms.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/bins.hpp"

namespace bitlens::cpu {

namespace {

constexpr Index kRangeChunk = 1 << 16;
constexpr Index kChunk = 1024;  // values whose indices are in memory at a time
constexpr Index kStreams = 4;   // histograms, so that consecutive equal values do not wait for each other

template <class T>
void count_values(const T* values, Index length, const Bins& scheme, std::int32_t* histogram) {
  std::int32_t counts[kStreams][kMaxBins];
  for (Index s = 0; s < kStreams; ++s) std::fill(counts[s], counts[s] + scheme.count, 0);
  std::uint8_t indices[kChunk];
  for (Index start = 0; start < length; start += kChunk) {
    const Index count = std::min(kChunk, length - start);
    bin_indices(values + start, count, scheme, indices);
    Index v = 0;
    for (; v + kStreams <= count; v += kStreams) {
      for (Index s = 0; s < kStreams; ++s) ++counts[s][indices[v + s]];
    }
    for (; v < count; ++v) ++counts[0][indices[v]];
  }
  for (Index b = 0; b < scheme.count; ++b) {
    histogram[b] = counts[0][b] + counts[1][b] + counts[2][b] + counts[3][b];
  }
}

template <class T>
void find_range(View<const T, 1> values, View<double, 1> range) {
  const Index size = values.shape[0];
  const Index chunks = ceil_div(size, kRangeChunk);
  std::vector<Ends> ranges(static_cast<std::size_t>(chunks));
  parallel_for(chunks, [&](Index chunk) {
    const Index start = chunk * kRangeChunk;
    ranges[static_cast<std::size_t>(chunk)] =
        range_of(values.data + start, std::min(kRangeChunk, size - start));
  });
  range.data[0] = ranges[0].low;
  range.data[1] = ranges[0].high;
  for (const Ends& of_chunk : ranges) {
    // These comparisons are true if a value of the chunk is NaN. The range is NaN from then on.
    if (!(of_chunk.low >= range.data[0])) range.data[0] = of_chunk.low;
    if (!(of_chunk.high <= range.data[1])) range.data[1] = of_chunk.high;
    if (std::isnan(range.data[0])) return;
  }
}

template <class T>
void fill_histograms(const ValueHistograms<T>& op) {
  const View<const T, 3> maps = op.maps;
  const View<std::int32_t, 3> counts = op.counts;
  const Bins scheme(op.low, op.high, static_cast<int>(counts.shape[2]));
  parallel_for(maps.shape[0], [&](Index i) {
    for (Index channel = 0; channel < maps.shape[1]; ++channel) {
      count_values(maps.row(i, channel), maps.shape[2], scheme, counts.row(i, channel));
    }
  });
}

}  // namespace

template <>
void run(const ValueRange<float>& op) {
  find_range(op.values, op.range);
}
template <>
void run(const ValueRange<double>& op) {
  find_range(op.values, op.range);
}

template <>
void run(const BinEdges& op) {
  const int count = static_cast<int>(op.edges.shape[1]) + 1;
  for (Index channel = 0; channel < op.edges.shape[0]; ++channel) {
    const Bins bins(op.ranges.row(channel)[0], op.ranges.row(channel)[1], count);
    for (int i = 1; i < count; ++i) op.edges.row(channel)[i - 1] = bins.edge(i);
  }
}

template <>
void run(const ValueHistograms<float>& op) {
  fill_histograms(op);
}
template <>
void run(const ValueHistograms<double>& op) {
  fill_histograms(op);
}

template <>
void run(const HistogramEntropies& op) {
  const View<const std::int32_t, 3> counts = op.counts;
  const View<double, 2> entropies = op.entropies;
  parallel_for(counts.shape[0], [&](Index i) {
    for (Index channel = 0; channel < counts.shape[1]; ++channel) {
      const std::int32_t* histogram = counts.row(i, channel);
      double terms[kMaxBins];
      double total = 0;
      double sum = 0;
      for (Index start = 0; start < counts.shape[2]; start += kMaxBins) {
        const Index bins = std::min(kMaxBins, counts.shape[2] - start);
        bin_loops().xlog2x_of(histogram + start, bins, terms);
        for (Index b = 0; b < bins; ++b) {
          total += histogram[start + b];
          sum += terms[b];
        }
      }
      entropies.row(i)[channel] = entropy_of_sums(total, sum);
    }
  });
}

}  // namespace bitlens::cpu
