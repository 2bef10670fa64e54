// Squared distances of all pairs between two runs of points, in blocks that reuse registers.
// simd/distances.hpp is for a few chosen pairs.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

// Points are rows of doubles, padded with zeros to a multiple of kPointLanes. Runs of points are padded to
// multiples of the other two.
inline constexpr Index kPointLanes = 8;
inline constexpr Index kRowsTogether = 4;
inline constexpr Index kColumnsTogether = 2;

struct PairLoops {
  // out[r * columns + c] = |x[r] - y[c]|^2, for points that are `length` apart.
  void (*squared_distances)(const double* x, Index rows, const double* y, Index columns, Index length,
                            double* out);
};
BITLENS_LOOPS(PairLoops, pair_loops)

}  // namespace bitlens::cpu
