// Steps from a symmetric matrix to a tridiagonal one and to functions of its eigenvalues.
#pragma once

#include <cfloat>
#include <cmath>
#include <limits>

#include "core/view.hpp"

namespace bitlens {

// The exponent of the power of two that a matrix is divided by to bring its largest element near 1. It is
// limited so that the power has a reciprocal in T. A largest element that is not finite gives 0.
template <class T>
BITLENS_HD inline int scaling_exponent(double largest) {
  constexpr int limit = std::numeric_limits<T>::max_exponent - 4;
  int exponent = 0;
  if (largest < HUGE_VAL) frexp(largest, &exponent);
  return exponent < -limit ? -limit : exponent > limit ? limit : exponent;
}

// The smallest squared norm of a row to reflect: below it, squares of its elements underflow. Such a row is
// smaller than a rounding error of a matrix with entries near 1.
template <class T>
inline constexpr T kNegligible = DBL_MIN / DBL_EPSILON;
template <>
inline constexpr float kNegligible<float> = FLT_MIN / FLT_EPSILON;

// Householder's reflector that maps a row onto its last element. It equals the row except for that element.
template <class T>
struct Reflector {
  T last;
  T scale;     // 2 over the squared norm of the reflector; 0 if there is nothing to reflect
  T coupling;  // the squared element that remains

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
// cancellation between t and the rest of the pivot. V is a number, or a vector of them.
template <class V>
struct ResolventTrace {
  V shift;
  V excess;     // p - t
  V numerator;  // p - t p'
  V trace;

  ResolventTrace() = default;
  BITLENS_HD ResolventTrace(V t, double first)
      : shift(t), excess(V{} + first), numerator(V{} + first), trace(V{}) {}

  // Ends the previous row and begins that of the diagonal element `next`. After the last row both arguments
  // are 0.
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
