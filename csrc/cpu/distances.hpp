// Squared distances from one point to others by direct float64 differences, shared by neighbours and distance
// codes: the exact values that both are defined by.
#pragma once

#include "core/view.hpp"

namespace bitlens::cpu {

// out[r] = |x - rows[which[r]]|^2, or |x - rows[r]|^2 where `which` is null; row r starts at rows + r *
// stride. Bitwise symmetric in its two points, and the same on every processor.
void squared_distances(const float* x, const float* rows, Index stride, const Index* which, Index count,
                       Index length, double* out);
void squared_distances(const double* x, const double* rows, Index stride, const Index* which, Index count,
                       Index length, double* out);

}  // namespace bitlens::cpu
