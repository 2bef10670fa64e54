// Squared distances in float64 between one sample and a few others, by differences.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

// out[r] = |x - rows[which[r]]|^2 for `count` rows that are `stride` apart; which = nullptr means all rows
// from the first on. Bitwise symmetric, and the same for every instruction set.
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
