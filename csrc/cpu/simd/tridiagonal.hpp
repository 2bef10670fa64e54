// Reduces symmetric matrices to tridiagonal ones with the same eigenvalues.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

inline constexpr Index kAlignment = 64;  // in bytes, of every matrix below and of its rows

// The row length of an n x n matrix whose rows are aligned.
template <class T>
constexpr Index padded(Index n) {
  constexpr Index tile = kAlignment / static_cast<Index>(sizeof(T));
  return (n + tile - 1) / tile * tile;
}

// Reads the lower triangle of the aligned `matrix` [padded(n), padded(n)] and overwrites it. `scratch` is
// aligned too and has 4 padded(n) numbers. The off-diagonals of the result are squared: couplings[i] belongs
// to i and i + 1. Elements must not exceed 1 by much; elements smaller than their rounding errors may count
// as 0.
struct TridiagonalLoops {
  void (*of_floats)(float* matrix, Index n, float* scratch, double* diagonal, double* couplings);
  void (*of_doubles)(double* matrix, Index n, double* scratch, double* diagonal, double* couplings);
  // The same as of_doubles, but the off-diagonals [n - 1] are not squared. Row k of the matrix becomes the
  // reflector of step k, k = n - 1 to 1, and scales[k] its scale.
  void (*with_reflectors)(double* matrix, Index n, double* scratch, double* diagonal, double* off_diagonal,
                          double* scales);
  // Replaces a function of the tridiagonal matrix, whose lower triangle is in the aligned `function` with
  // zeros beyond, by the same function of the matrix that had been reduced.
  void (*transform_back)(const double* reflectors, const double* scales, Index n, double* scratch,
                         double* function);
};
BITLENS_LOOPS(TridiagonalLoops, tridiagonal_loops)

inline void tridiagonalize(float* matrix, Index n, float* scratch, double* diagonal, double* couplings) {
  tridiagonal_loops().of_floats(matrix, n, scratch, diagonal, couplings);
}
inline void tridiagonalize(double* matrix, Index n, double* scratch, double* diagonal, double* couplings) {
  tridiagonal_loops().of_doubles(matrix, n, scratch, diagonal, couplings);
}

}  // namespace bitlens::cpu
