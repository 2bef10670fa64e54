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

inline void require_bins(Index bins) {
  require(bins >= 2 && bins <= kMaxBins, "bins: expected 2 to 256, got " + std::to_string(bins));
}

}  // namespace bitlens
