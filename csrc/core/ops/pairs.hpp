// The order of sample pairs i < j in arrays of all pairs, which is that of scipy's pdist.
#pragma once

#include <limits>

#include "core/check.hpp"

namespace bitlens {

inline constexpr Index kMostSamplesOfPairs = std::numeric_limits<std::int32_t>::max();

BITLENS_HD inline Index pair_count(Index n) { return n * (n - 1) / 2; }

// The place of the pair (i, j), i < j, of n samples. The pairs of a sample i are contiguous in j.
BITLENS_HD inline Index pair_index(Index n, Index i, Index j) { return i * (2 * n - i - 1) / 2 + j - i - 1; }

}  // namespace bitlens
