// Joint counts of code pairs, and entropies of them (CNNSlicer, section 5.3.1).
#pragma once

#include <limits>

#include "core/check.hpp"

namespace bitlens {

// The codes of two groups of channels. Codes of `bins` or more are refused by the CPU and not counted by
// CUDA.
struct CodePairs {
  View<const std::uint8_t, 2> a;  // [channels a, pairs]
  View<const std::uint8_t, 2> b;  // [channels b, pairs]
  Index bins;                     // 2 to 256

  void check() const {
    require_bins(bins);
    require(a.shape[1] == b.shape[1], "b: expected the " + std::to_string(a.shape[1]) +
                                          " sample pairs of a, got " + std::to_string(b.shape[1]));
    require_at_most(a.shape[1], std::numeric_limits<std::int32_t>::max(), "a: sample pairs");
  }
};

// How often each pair of codes occurs, for all channel pairs. Without sample pairs all counts are 0.
struct JointCounts {
  CodePairs codes;
  View<Index, 3> counts;  // [channels a, channels b, bins * bins], out; code of a * bins + code of b

  void check(const BackEnd&) const {
    codes.check();
    require_size(counts.shape[0], codes.a.shape[0], "counts: channels of a");
    require_size(counts.shape[1], codes.b.shape[0], "counts: channels of b");
    require_size(counts.shape[2], codes.bins * codes.bins, "counts: bins * bins");
  }
};

// Entropies in bits of every channel and of all channel pairs, without holding all counts in memory.
struct CodeEntropies {
  CodePairs codes;              // of at least one sample pair
  View<double, 2> joint;        // [channels a, channels b], out
  View<double, 1> entropies_a;  // [channels a], out
  View<double, 1> entropies_b;  // [channels b], out

  void check(const BackEnd&) const {
    codes.check();
    require_at_least(codes.a.shape[1], 1, "a: sample pairs");
    require_size(joint.shape[0], codes.a.shape[0], "joint: channels of a");
    require_size(joint.shape[1], codes.b.shape[0], "joint: channels of b");
    require_size(entropies_a.shape[0], codes.a.shape[0], "entropies_a");
    require_size(entropies_b.shape[0], codes.b.shape[0], "entropies_b");
  }
};

}  // namespace bitlens
