// The vocabulary of the checks that operations make on their operands.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>

#include "core/backends.hpp"
#include "core/view.hpp"

namespace bitlens {

inline constexpr Index kMaxBins = 256;  // codes are one byte

// std::invalid_argument becomes Python's ValueError at the binding.
inline void require(bool holds, const std::string& message) {
  if (!holds) throw std::invalid_argument(message);
}

// These build the message only if the check fails: some of them are made for every sample.
inline void require_size(Index got, Index expected, const char* what) {
  if (got == expected) return;
  require(false,
          std::string(what) + ": expected " + std::to_string(expected) + ", got " + std::to_string(got));
}

inline void require_at_least(Index got, Index least, const char* what) {
  if (got >= least) return;
  require(false, std::string(what) + ": expected at least " + std::to_string(least) + ", got " +
                     std::to_string(got));
}

inline void require_at_most(Index got, Index most, const char* what) {
  if (got <= most) return;
  require(false,
          std::string(what) + ": expected at most " + std::to_string(most) + ", got " + std::to_string(got));
}

inline void require_between(Index got, Index least, Index most, const char* what) {
  if (got >= least && got <= most) return;
  require(false, std::string(what) + ": expected " + std::to_string(least) + " to " + std::to_string(most) +
                     ", got " + std::to_string(got));
}

inline void require_index(Index got, Index size, const char* what) {
  require_between(got, 0, size - 1, what);
}

inline void require_bins(Index bins) { require_between(bins, 2, kMaxBins, "bins"); }

// k neighbours among n samples.
inline void require_neighbors(Index k, Index n) {
  require(k >= 1 && k < n,
          "k: expected 1 to n - 1 = " + std::to_string(n - 1) + ", got " + std::to_string(k));
}

}  // namespace bitlens
