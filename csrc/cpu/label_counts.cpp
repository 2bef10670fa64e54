// How often the values of each channel fall between its edges, class by class.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"

namespace bitlens::cpu {

namespace {

// Channels that one thread counts side by side: of single values, a sample's neighbours lie in one cache
// line.
constexpr Index kChannels = 16;

// Finds bins by a guess that is right for equal ones, up to rounding, and then by the edges themselves.
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

}  // namespace

template <class T>
void label_counts(View<const T, 3> maps, View<const double, 2> edges, View<const Index, 1> labels,
                  View<Index, 3> counts) {
  check_label_counts(maps, edges, labels, counts);
  const Index channels = maps.shape[1];
  const Index bins = counts.shape[2];
  parallel_for((channels + kChannels - 1) / kChannels, [&](Index group) {
    const Index first = group * kChannels;
    const Index last = std::min(first + kChannels, channels);
    for (Index c = first; c < last; ++c) {
      for (Index y = 0; y < counts.shape[1]; ++y) std::fill_n(counts.row(c, y), bins, Index{0});
    }
    std::vector<Edges> own;
    for (Index c = first; c < last; ++c) own.emplace_back(edges.row(c), bins - 1);
    for (Index i = 0; i < maps.shape[0]; ++i) {
      for (Index c = first; c < last; ++c) {
        count_values(maps.row(i, c), maps.shape[2], own[static_cast<std::size_t>(c - first)],
                     counts.row(c, labels.data[i]));
      }
    }
  });
}

template void label_counts(View<const float, 3>, View<const double, 2>, View<const Index, 1>, View<Index, 3>);
template void label_counts(View<const double, 3>, View<const double, 2>, View<const Index, 1>,
                           View<Index, 3>);

}  // namespace bitlens::cpu
