// What is asked of symmetric tridiagonal matrices: all eigenvalues, or traces of functions of the matrix
// without them.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/level.hpp"

namespace bitlens::cpu {

// Matrices whose eigenvalues are computed side by side, one in each lane of the vectors.
inline constexpr Index kLockstep = 16;
inline constexpr Index kMaxShifts = 64;

// Matrices are a diagonal and the squared off-diagonals, couplings[i] between i and i + 1.
struct EigenvalueLoops {
  // All eigenvalues of kLockstep matrices, to a rounding error of each one's largest, in no order. Element i
  // of matrix m is at [i * kLockstep + m]; the diagonals become the eigenvalues, the couplings are destroyed.
  void (*eigenvalues)(double* diagonals, double* couplings, Index n);
  // traces[s] = sum of l / (l + shifts[s]) over the eigenvalues l of one matrix, for count <= kMaxShifts
  // shifts. The matrix plus any of them must be positive definite.
  void (*resolvent_traces)(const double* diagonal, const double* couplings, Index n, const double* shifts,
                           Index count, double* traces);
};
BITLENS_LOOPS(EigenvalueLoops, eigenvalue_loops)

}  // namespace bitlens::cpu
