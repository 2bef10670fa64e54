// Binned distances of sample pairs, the variables of channel mutual information (CNNSlicer, section 5.3.1).
#pragma once

#include "core/ops/pairs.hpp"

namespace bitlens {

// Euclidean distances of all sample pairs i < j in each channel, in `bins` equal bins between the smallest
// and the largest distance of that channel. Pairs are ordered as by scipy's pdist. All codes of a constant
// channel are 0.
template <class T>
struct DistanceCodes {
  View<const T, 3> maps;        // [n, channels, values], finite, n >= 2
  Index bins;                   // 2 to 256
  View<std::uint8_t, 2> codes;  // [channels, n (n - 1) / 2], out
  View<double, 2>
      ranges;  // [channels, 2], out: the smallest and the largest distance, in the unit of the maps
  View<double, 2> workspace;  // [any, n (n - 1) / 2], for CUDA only: distances of as many channels are kept
                              // at a time. Without any, they are computed a second time

  void check(const BackEnd&) const {
    const Index n = maps.shape[0];
    require_at_least(n, 2, "maps: samples");
    require_at_most(n, kMostSamplesOfPairs, "maps: samples");
    require_bins(bins);
    require_size(codes.shape[0], maps.shape[1], "codes: channels");
    require_size(codes.shape[1], pair_count(n), "codes: pairs");
    require_size(ranges.shape[0], maps.shape[1], "ranges: channels");
    require_size(ranges.shape[1], 2, "ranges: ends");
    if (workspace.shape[0] > 0) require_size(workspace.shape[1], pair_count(n), "workspace: pairs");
  }
};

}  // namespace bitlens
