// The range of values, their histograms in single maps, and the entropies of those (CNNSlicer,
// section 4.4.2).
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "core/check.hpp"

namespace bitlens {

// The smallest and the largest value; both are NaN if any value is NaN or infinite. CPU only.
template <class T>
struct ValueRange {
  View<const T, 1> values;  // [size], at least one
  View<double, 1> range;    // [2], out, in the unit of the values

  void check(const BackEnd&) const {
    require_at_least(values.shape[0], 1, "values");
    require_size(range.shape[0], 2, "range");
  }
};

// The lower ends of all bins but the first, for equal bins over the range of every channel: values are
// compared with them as ValueHistograms does. Those of a constant channel are infinite. CPU only.
struct BinEdges {
  View<const double, 2> ranges;  // [channels, 2], finite, the smaller end first
  View<double, 2> edges;         // [channels, bins - 1], out, ascending

  void check(const BackEnd&) const {
    require_size(ranges.shape[1], 2, "ranges: ends");
    require_size(edges.shape[0], ranges.shape[0], "edges: channels");
    require_bins(edges.shape[1] + 1);
    for (Index channel = 0; channel < ranges.shape[0]; ++channel) {
      const double* range = ranges.row(channel);
      require(std::isfinite(range[0]) && std::isfinite(range[1]) && range[0] <= range[1],
              "ranges: expected finite numbers, the smaller one first, got " + std::to_string(range[0]) +
                  " and " + std::to_string(range[1]));
    }
  }
};

// The histogram of every map's values in equal bins over [low, high]; the last bin is closed. If low == high,
// bin 0 has all values.
template <class T>
struct ValueHistograms {
  View<const T, 3> maps;  // [n, channels, values], all within [low, high]
  double low;
  double high;
  View<std::int32_t, 3> counts;  // [n, channels, bins], out; 2 to 256 bins

  void check(const BackEnd&) const {
    require_size(counts.shape[0], maps.shape[0], "counts: samples");
    require_size(counts.shape[1], maps.shape[1], "counts: channels");
    require_bins(counts.shape[2]);
    require_at_most(maps.shape[2], std::numeric_limits<std::int32_t>::max(), "maps: values of a map");
    require(low <= high,
            "low: expected at most high, got " + std::to_string(low) + " and " + std::to_string(high));
  }
};

// The entropy in bits of every histogram; 0 for an empty one.
struct HistogramEntropies {
  View<const std::int32_t, 3> counts;  // [n, channels, bins]
  View<double, 2> entropies;           // [n, channels], out

  void check(const BackEnd&) const {
    require_size(entropies.shape[0], counts.shape[0], "entropies: samples");
    require_size(entropies.shape[1], counts.shape[1], "entropies: channels");
  }
};

}  // namespace bitlens
