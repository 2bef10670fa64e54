// Counts of the values of each channel between its edges, for each class.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/ops/label_counts.hpp"
#include "cpu/parallel.hpp"

namespace bitlens::cpu {

namespace {

// Channels that one task counts together: the single values of a sample's adjacent channels are in one cache
// line.
constexpr Index kChannels = 16;

// Finds a value's bin by a guess, which is right up to rounding if the bins are equally wide, and then by
// comparison with the edges.
struct Edges {
  const double* edges;
  Index count;
  double scale;

  Edges(const double* first, Index size) : edges(first), count(size), scale(0) {
    const double span = size > 1 ? first[size - 1] - first[0] : 0;
    if (span > 0 && std::isfinite(span)) scale = static_cast<double>(size - 1) / span;
  }

  Index bin(double value) const {
    const double guess = (value - edges[0]) * scale + 1;
    Index bin = guess > 0 ? static_cast<Index>(std::min(guess, static_cast<double>(count))) : 0;
    while (bin > 0 && value < edges[bin - 1]) --bin;
    while (bin < count && value >= edges[bin]) ++bin;
    return bin;
  }
};

template <class T>
void count_values(const T* values, Index size, const Edges& edges, Index* histogram) {
  if (edges.count == 1) {
    Index on = 0;
    for (Index v = 0; v < size; ++v) on += static_cast<double>(values[v]) >= edges.edges[0];
    histogram[0] += size - on;
    histogram[1] += on;
  } else {
    for (Index v = 0; v < size; ++v) ++histogram[edges.bin(static_cast<double>(values[v]))];
  }
}

// The smallest value of the type T that is at least the edge: values of T compare with it as with the edge.
template <class T>
T first_from(double edge) {
  using Limits = std::numeric_limits<T>;
  if (edge > static_cast<double>(Limits::max())) return Limits::infinity();
  if (edge < static_cast<double>(Limits::lowest())) return Limits::lowest();
  const T rounded = static_cast<T>(edge);
  return static_cast<double>(rounded) < edge ? std::nextafter(rounded, Limits::infinity()) : rounded;
}

// Counts how often neurons with a single value are on, for adjacent channels.
template <class T>
void count_neurons(const View<const T, 3>& maps, const View<const double, 2>& edges,
                   const View<const Index, 1>& labels, Index first, Index width,
                   const View<Index, 3>& counts) {
  T edge[kChannels] = {};
  for (Index c = 0; c < width; ++c) edge[c] = first_from<T>(edges.row(first + c)[0]);
  std::vector<std::int32_t> on(static_cast<std::size_t>(counts.shape[1] * kChannels));
  std::vector<Index> samples(static_cast<std::size_t>(counts.shape[1]));
  for (Index i = 0; i < maps.shape[0]; ++i) {
    const T* values = maps.row(i, first);
    const Index label = labels.data[i];
    std::int32_t* of_class = on.data() + label * kChannels;
    ++samples[static_cast<std::size_t>(label)];
    for (Index c = 0; c < width; ++c) of_class[c] += values[c] >= edge[c];
  }
  for (Index c = 0; c < width; ++c) {
    for (Index y = 0; y < counts.shape[1]; ++y) {
      const Index count = on[static_cast<std::size_t>(y * kChannels + c)];
      counts.row(first + c, y)[0] = samples[static_cast<std::size_t>(y)] - count;
      counts.row(first + c, y)[1] = count;
    }
  }
}

template <class T>
void count_maps(const View<const T, 3>& maps, const View<const double, 2>& edges,
                const View<const Index, 1>& labels, Index first, Index width, const View<Index, 3>& counts) {
  std::vector<Edges> of_channels;
  for (Index c = first; c < first + width; ++c) {
    of_channels.emplace_back(edges.row(c), edges.shape[1]);
    for (Index y = 0; y < counts.shape[1]; ++y) std::fill_n(counts.row(c, y), counts.shape[2], Index{0});
  }
  for (Index i = 0; i < maps.shape[0]; ++i) {
    for (Index c = 0; c < width; ++c) {
      count_values(maps.row(i, first + c), maps.shape[2], of_channels[static_cast<std::size_t>(c)],
                   counts.row(first + c, labels.data[i]));
    }
  }
}

template <class T>
void count(const LabelCounts<T>& op) {
  const View<const T, 3> maps = op.maps;
  const View<const double, 2> edges = op.edges;
  const bool neurons = maps.shape[2] == 1 && maps.stride[1] == 1 && edges.shape[1] == 1;
  parallel_for(ceil_div(maps.shape[1], kChannels), [&](Index group) {
    const Index first = group * kChannels;
    const Index width = std::min(kChannels, maps.shape[1] - first);
    (neurons ? count_neurons<T> : count_maps<T>)(maps, edges, op.labels, first, width, op.counts);
  });
}

}  // namespace

template <>
void run(const LabelCounts<float>& op) {
  count(op);
}
template <>
void run(const LabelCounts<double>& op) {
  count(op);
}

}  // namespace bitlens::cpu
