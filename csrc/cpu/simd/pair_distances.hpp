// Squared distances of all pairs between two runs of points: what every pair needs, in a block that the
// registers reuse, where simd/distances.hpp serves a few chosen pairs.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/level.hpp"

namespace bitlens::cpu {

// Points are rows of doubles, padded with zeros to a multiple of kPointLanes; runs to a multiple of these.
inline constexpr Index kPointLanes = 8;
inline constexpr Index kRowsTogether = 4;
inline constexpr Index kColumnsTogether = 2;

struct PairLoops {
  // out[r * columns + c] = |x[r] - y[c]|^2, for points that lie `length` apart.
  void (*squared_distances)(const double* x, Index rows, const double* y, Index columns, Index length,
                            double* out);
};
BITLENS_LOOPS(PairLoops, pair_loops)

}  // namespace bitlens::cpu
