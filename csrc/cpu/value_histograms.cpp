// Value histograms of single maps and their entropies.
#include <algorithm>
#include <cmath>

#include "core/numerics.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"

namespace bitlens::cpu {

template <class T>
void value_histograms(View<const T, 3> maps, double low, double high, View<std::int32_t, 3> counts) {
  check_value_histograms(maps, low, high, counts);
  const Bins scheme(low, high, static_cast<int>(counts.shape[2]));
  parallel_for(maps.shape[0], [&](Index i) {
    for (Index channel = 0; channel < maps.shape[1]; ++channel) {
      const T* map = maps.row(i, channel);
      std::int32_t* histogram = counts.row(i, channel);
      std::fill(histogram, histogram + scheme.count, 0);
      for (Index v = 0; v < maps.shape[2]; ++v) ++histogram[scheme.index(static_cast<double>(map[v]))];
    }
  });
}

template void value_histograms(View<const float, 3>, double, double, View<std::int32_t, 3>);
template void value_histograms(View<const double, 3>, double, double, View<std::int32_t, 3>);

void histogram_entropies(View<const std::int32_t, 3> counts, View<double, 2> entropies) {
  check_histogram_entropies(counts, entropies);
  parallel_for(counts.shape[0], [&](Index i) {
    for (Index channel = 0; channel < counts.shape[1]; ++channel) {
      entropies.row(i)[channel] = histogram_entropy(counts.row(i, channel), counts.shape[2]);
    }
  });
}

}  // namespace bitlens::cpu
