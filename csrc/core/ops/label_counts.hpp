// Counts of binned values for each class, the variables of a neuron's information.
#pragma once

#include <limits>

#include "core/check.hpp"

namespace bitlens {

// For each channel and class, how many values of that class's samples fall into each bin: bin 0 is below the
// first edge, the last one at or above the last edge. CPU only.
template <class T>
struct LabelCounts {
  View<const T, 3> maps;        // [n, channels, values]
  View<const double, 2> edges;  // [channels, bins - 1], ascending, at least one, in the unit of the maps
  View<const Index, 1> labels;  // [n], 0 to classes - 1
  View<Index, 3> counts;        // [channels, classes, bins], out; 0 for a class without samples

  void check(const BackEnd&) const {
    require_at_least(edges.shape[1], 1, "edges: of a channel");
    require_size(edges.shape[0], maps.shape[1], "edges: channels");
    require_size(labels.shape[0], maps.shape[0], "labels");
    require_size(counts.shape[0], maps.shape[1], "counts: channels");
    require_size(counts.shape[2], edges.shape[1] + 1, "counts: bins");
    require_at_most(maps.shape[0], std::numeric_limits<std::int32_t>::max(), "maps: samples");
    for (Index i = 0; i < labels.shape[0]; ++i) require_index(labels.data[i], counts.shape[1], "labels");
  }
};

}  // namespace bitlens
