// How often the values of each channel fall between its edges, class by class.
#include <algorithm>

#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"

namespace bitlens::cpu {

namespace {

// Channels that one thread counts side by side: of single values, a sample's neighbours lie in one cache
// line.
constexpr Index kChannels = 16;

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
    for (Index i = 0; i < maps.shape[0]; ++i) {
      for (Index c = first; c < last; ++c) {
        const T* values = maps.row(i, c);
        const double* own = edges.row(c);
        Index* histogram = counts.row(c, labels.data[i]);
        for (Index v = 0; v < maps.shape[2]; ++v) {
          ++histogram[std::upper_bound(own, own + bins - 1, static_cast<double>(values[v])) - own];
        }
      }
    }
  });
}

template void label_counts(View<const float, 3>, View<const double, 2>, View<const Index, 1>, View<Index, 3>);
template void label_counts(View<const double, 3>, View<const double, 2>, View<const Index, 1>,
                           View<Index, 3>);

}  // namespace bitlens::cpu
