// Symmetric tridiagonal matrices: all their eigenvalues, or traces of functions of the matrix without
// eigenvalues.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

// Matrices whose eigenvalues are computed side by side, one in each lane of the vectors.
inline constexpr Index kLockstep = 16;
inline constexpr Index kMaxShifts = 64;
inline constexpr Index kMostResolvents = 128;

// Matrices are a diagonal and the squared off-diagonals, couplings[i] between i and i + 1.
struct EigenvalueLoops {
  // All eigenvalues of kLockstep matrices, unordered, to a rounding error of the largest eigenvalue of the
  // matrix. Element i of matrix m is at [i * kLockstep + m]. The diagonals are replaced by the eigenvalues;
  // the couplings are overwritten.
  void (*eigenvalues)(double* diagonals, double* couplings, Index n);
  // traces[s] = sum of l / (l + shifts[s]) over the eigenvalues l of one matrix, for count <= kMaxShifts
  // shifts. The matrix plus any of the shifts must be positive definite.
  void (*resolvent_traces)(const double* diagonal, const double* couplings, Index n, const double* shifts,
                           Index count, double* traces);
  // Adds sum_s weights[s] (A + shifts[s])^-1 of one matrix A to the lower triangle of the matrix
  // `sum`, whose rows lie `stride` apart; off-diagonals are not squared, and shifts ascend. Returns false if
  // A plus a shift is not positive definite. `scratch` has 2 n numbers for each of at most kMostResolvents
  // shifts.
  bool (*resolvent_sum)(const double* diagonal, const double* off_diagonal, Index n, const double* shifts,
                        const double* weights, Index count, double* scratch, double* sum, Index stride);
};
BITLENS_LOOPS(EigenvalueLoops, eigenvalue_loops)

}  // namespace bitlens::cpu
