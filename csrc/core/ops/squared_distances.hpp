// Squared distances of all sample pairs, the exponents of Gaussian kernels.
#pragma once

#include "core/check.hpp"

namespace bitlens {

// Squared Euclidean distances of all sample pairs in each channel, by differences in float64: equal samples
// have distance 0.
template <class T>
struct SquaredDistances {
  View<const T, 3> maps;  // [n, channels, values]
  View<double, 3>
      squares;  // [channels, n, n], out, in the unit of the maps squared; symmetric, zero diagonal

  void check(const BackEnd&) const {
    require_size(squares.shape[0], maps.shape[1], "squares: channels");
    require_size(squares.shape[1], maps.shape[0], "squares: samples");
    require_size(squares.shape[2], maps.shape[0], "squares: samples");
  }
};

}  // namespace bitlens
