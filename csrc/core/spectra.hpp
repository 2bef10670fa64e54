// Steps of the way from a symmetric matrix to a tridiagonal one and to what its eigenvalues say.
#pragma once

#include <cfloat>
#include <cmath>

#include "core/view.hpp"

namespace bitlens {

// Smallest squared norm of a row to reflect: below it, squares of its elements underflow. Such a row is less
// than a rounding error of a matrix with entries near 1.
template <class T>
inline constexpr T kNegligible = DBL_MIN / DBL_EPSILON;
template <>
inline constexpr float kNegligible<float> = FLT_MIN / FLT_EPSILON;

// Householder's reflector that maps a row onto its last element: the row, but for that element.
template <class T>
struct Reflector {
  T last;
  T scale;     // 2 over its squared norm; 0 for none
  T coupling;  // the squared element that is left

  BITLENS_HD Reflector(T squared_norm, T last_of_row) : last(0), scale(0), coupling(0) {
    if (!(squared_norm >= kNegligible<T>)) return;
    const T norm = std::sqrt(squared_norm);
    last = last_of_row > 0 ? last_of_row + norm : last_of_row - norm;
    scale = 1 / (squared_norm + (last_of_row > 0 ? last_of_row : -last_of_row) * norm);
    coupling = squared_norm;
  }
};

// sum l / (l + t) over the eigenvalues l of a tridiagonal matrix, row by row; couplings are squared. With the
// pivots p(t) of A + t, the sum is that of (p - t p') / p. Both p - t and p - t p' have recurrences without
// cancellation between t and what is left of it. V is a number, or a vector of them.
template <class V>
struct ResolventTrace {
  V shift;
  V excess;     // p - t
  V numerator;  // p - t p'
  V trace;

  ResolventTrace() = default;
  BITLENS_HD ResolventTrace(V t, double first)
      : shift(t), excess(V{} + first), numerator(V{} + first), trace(V{}) {}

  // Ends the row before, and begins that of the diagonal element `next`; 0 and 0 behind the last row.
  BITLENS_HD void step(double next, double coupling) {
    const V inverse = 1 / (excess + shift);
    const V share = numerator * inverse;
    const V change = coupling * inverse;
    trace += share;
    excess = next - change;
    numerator = excess - change * (1 - share);
  }
};

BITLENS_HD inline bool positive_definite(const double* diagonal, const double* couplings, Index n,
                                         double shift) {
  double pivot = diagonal[0] + shift;
  for (Index i = 1; i < n && pivot > 0; ++i) pivot = diagonal[i] + shift - couplings[i - 1] / pivot;
  return pivot > 0;
}

}  // namespace bitlens
