// The checks that operations make on their operands before the first element is read, in one place for all
// back-ends.
#pragma once

#include <stdexcept>
#include <string>

#include "core/view.hpp"

namespace bitlens {

inline constexpr Index kMaxBins = 256;  // codes are one byte

// std::invalid_argument becomes Python's ValueError at the binding.
inline void require(bool holds, const std::string& message) {
  if (!holds) throw std::invalid_argument(message);
}

inline void require_size(Index got, Index expected, const char* what) {
  require(got == expected,
          std::string(what) + ": expected " + std::to_string(expected) + ", got " + std::to_string(got));
}

inline void require_index(Index got, Index size, const char* what) {
  require(got >= 0 && got < size, std::string(what) + ": found " + std::to_string(got) + ", expected 0 to " +
                                      std::to_string(size - 1));
}

inline void require_kept(Index kept, Index least, Index most, Index capacity) {
  require(kept >= least && kept <= most, "kept: expected " + std::to_string(least) + " to " +
                                             std::to_string(most) + " for lists of " +
                                             std::to_string(capacity) + ", got " + std::to_string(kept));
}

inline void require_bins(Index bins) {
  require(bins >= 2 && bins <= kMaxBins, "bins: expected 2 to 256, got " + std::to_string(bins));
}

}  // namespace bitlens
