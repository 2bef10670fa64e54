// Direct squared distances in float64, of which neighbours and distance codes are made.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/level.hpp"

namespace bitlens::cpu {

// out[r] = |x - rows[which[r]]|^2 for `count` rows that lie `stride` apart; which = nullptr: all rows from
// the first on. Bitwise symmetric, the same on every level.
struct DistanceLoops {
  void (*of_floats)(const float* x, const float* rows, Index stride, const std::int32_t* which, Index count,
                    Index length, double* out);
  void (*of_doubles)(const double* x, const double* rows, Index stride, const std::int32_t* which,
                     Index count, Index length, double* out);
};
BITLENS_LOOPS(DistanceLoops, distance_loops)

inline void squared_distances(const float* x, const float* rows, Index stride, const std::int32_t* which,
                              Index count, Index length, double* out) {
  distance_loops().of_floats(x, rows, stride, which, count, length, out);
}
inline void squared_distances(const double* x, const double* rows, Index stride, const std::int32_t* which,
                              Index count, Index length, double* out) {
  distance_loops().of_doubles(x, rows, stride, which, count, length, out);
}

}  // namespace bitlens::cpu
