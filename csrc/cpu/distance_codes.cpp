// Distances of all sample pairs of a channel, as one-byte bin codes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/numerics.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/distances.hpp"

namespace bitlens::cpu {

template <class T>
void distance_codes(View<const T, 3> maps, Index bins, View<std::uint8_t, 2> codes) {
  const Index n = maps.shape[0];
  const Index channels = maps.shape[1];
  const Index pairs = n * (n - 1) / 2;
  require(n >= 2, "maps: at least two samples are needed for a pair");
  require_bins(bins);
  require_size(codes.shape[0], channels, "codes: channels");
  require_size(codes.shape[1], pairs, "codes: pairs");

  std::vector<double> distances(static_cast<std::size_t>(pairs));  // one channel at a time bounds memory
  std::vector<double> lowest(static_cast<std::size_t>(n - 1));
  std::vector<double> highest(static_cast<std::size_t>(n - 1));
  auto first_pair = [n](Index i) { return i * (2 * n - i - 1) / 2; };

  for (Index channel = 0; channel < channels; ++channel) {
    parallel_for(n - 1, [&](Index i) {
      double* row = distances.data() + first_pair(i);
      const Index count = n - 1 - i;
      squared_distances(maps.row(i, channel), maps.row(i + 1, channel), maps.stride[0], nullptr, count,
                        maps.shape[2], row);
      double low = std::numeric_limits<double>::infinity();
      double high = 0;
      for (Index r = 0; r < count; ++r) {
        row[r] = std::sqrt(row[r]);
        low = std::min(low, row[r]);
        high = std::max(high, row[r]);
      }
      lowest[static_cast<std::size_t>(i)] = low;
      highest[static_cast<std::size_t>(i)] = high;
    });
    const Bins scheme(*std::min_element(lowest.begin(), lowest.end()),
                      *std::max_element(highest.begin(), highest.end()), static_cast<int>(bins));
    parallel_for(n - 1, [&](Index i) {
      for (Index p = first_pair(i); p < first_pair(i + 1); ++p) {
        codes.row(channel)[p] =
            static_cast<std::uint8_t>(scheme.index(distances[static_cast<std::size_t>(p)]));
      }
    });
  }
}

template void distance_codes(View<const float, 3>, Index, View<std::uint8_t, 2>);
template void distance_codes(View<const double, 3>, Index, View<std::uint8_t, 2>);

}  // namespace bitlens::cpu
