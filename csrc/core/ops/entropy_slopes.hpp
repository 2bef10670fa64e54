// Matrix-based Renyi entropies and their derivatives.
#pragma once

#include <cmath>

#include "core/ops/spectra.hpp"

namespace bitlens {

// With A = M / tr M, e = alpha - 1 and h(A) = (A^e - 1) / e, or log A for e = 0: the entropy in bits,
// -log2(1 + e c) / e for c = tr(A h(A)), and its derivative alpha (c - h(A)) / ((1 + e c) tr(M) ln 2) with
// respect to M. Only the lower triangles are read. Both are NaN for a matrix that has no positive trace or,
// by rounding, an eigenvalue so far below 0 that a resolvent does not exist. Errors of h(A) in the direction
// of an eigenvalue l are below 1e-9, or n times 2.2e-16 / l where that is more. CPU only.
struct EntropySlopes {
  static constexpr double kLargestAlpha = 1.5;  // more digits would be lost for larger ones

  View<const double, 3> matrices;  // [batch, n, n], elements near 1 or less
  double alpha;                    // order, 1 to kLargestAlpha
  View<double, 1> entropies;       // [batch], out, 0 to log2(n) bits
  View<double, 3> slopes;  // [batch, n, n], out, symmetric, bits in the reciprocal unit of the elements

  void check(const BackEnd&) const {
    const Index n = matrices.shape[1];
    require_between(n, 1, kMostRows, "matrices: rows");
    require_size(matrices.shape[2], n, "matrices: columns");
    require_size(entropies.shape[0], matrices.shape[0], "entropies");
    require_size(slopes.shape[0], matrices.shape[0], "slopes: matrices");
    require_size(slopes.shape[1], n, "slopes: rows");
    require_size(slopes.shape[2], n, "slopes: columns");
    require(alpha >= 1 && alpha <= kLargestAlpha, "alpha: expected 1 to 1.5, got " + std::to_string(alpha));
  }
};

}  // namespace bitlens
