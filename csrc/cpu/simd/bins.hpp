// The range of many values, the bins that they fall into, and the terms of the bins' entropy.
#pragma once

#include "core/numerics.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

// Both ends are NaN if any value is NaN or infinite.
struct Ends {
  double low;
  double high;
};

struct BinLoops {
  Ends (*range_of_floats)(const float* values, Index count);
  Ends (*range_of_doubles)(const double* values, Index count);
  void (*of_floats)(const float* values, Index count, const Bins& bins, std::uint8_t* indices);
  void (*of_doubles)(const double* values, Index count, const Bins& bins, std::uint8_t* indices);
  void (*xlog2x_of)(const std::int32_t* counts, Index size, double* terms);
};
BITLENS_LOOPS(BinLoops, bin_loops)

inline Ends range_of(const float* values, Index count) { return bin_loops().range_of_floats(values, count); }
inline Ends range_of(const double* values, Index count) {
  return bin_loops().range_of_doubles(values, count);
}
inline void bin_indices(const float* values, Index count, const Bins& bins, std::uint8_t* indices) {
  bin_loops().of_floats(values, count, bins, indices);
}
inline void bin_indices(const double* values, Index count, const Bins& bins, std::uint8_t* indices) {
  bin_loops().of_doubles(values, count, bins, indices);
}

}  // namespace bitlens::cpu
