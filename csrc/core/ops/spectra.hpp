// Eigenvalues of symmetric matrices, such as Gram matrices.
#pragma once

#include "core/check.hpp"

namespace bitlens {

inline constexpr Index kMostRows = 1 << 20;  // of a matrix; the work grows with the third power

// All eigenvalues of symmetric matrices, ascending: in the arithmetic of T to tridiagonal form, in float64
// from there. Only the lower triangles are read. A matrix that is not finite is refused by the CPU; CUDA
// returns NaN for it.
template <class T>
struct GramSpectrum {
  View<const T, 3> matrices;  // [batch, n, n], n >= 1
  View<double, 2> spectra;    // [batch, n], out, in the unit of the elements
  View<double, 2> workspace;  // [any, workspace_for_matrix()], for CUDA only: as many rows as blocks shall
                              // run at the same time

  void check(const BackEnd&) const {
    const Index n = matrices.shape[1];
    require_between(n, 1, kMostRows, "matrices: rows");
    require_size(matrices.shape[2], n, "matrices: columns");
    require_size(spectra.shape[0], matrices.shape[0], "spectra: matrices");
    require_size(spectra.shape[1], n, "spectra: eigenvalues");
  }
};

}  // namespace bitlens
