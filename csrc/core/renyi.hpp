// Matrix-based Renyi entropy in bits: from eigenvalues, or by quadrature over resolvents, without
// eigenvalues.
#pragma once

#include <cfloat>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/check.hpp"
#include "core/view.hpp"

namespace bitlens {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Below order 1 the power magnifies small numbers: the 0.1-th power of a rounding error of 1e-17 is 0.02. No
// eigenvalue of n samples that is below this share of the largest one differs from 0 by more than the
// rounding errors of a kernel in float64, so that it is discarded. Orders from 1 on do not magnify: nothing
// is discarded.
BITLENS_HD inline double discarded_share(double alpha, double n) { return alpha < 1 ? n * DBL_EPSILON : 0; }

// The entropy of n eigenvalues l in two passes: add() collects the sum of those that count; then entropy()
// takes the sum of term() over all. They are normalised to sum 1; negative ones count as 0. The textbook
// formula log(sum l^alpha) / (1 - alpha) loses half the digits for alpha near 1 and underflows for a large
// alpha.
struct RenyiSum {
  double alpha;
  double largest;
  double threshold;
  double total;
  double kept;  // the number of eigenvalues that count

  BITLENS_HD RenyiSum(double order, double largest_eigenvalue, double n)
      : alpha(order),
        largest(largest_eigenvalue),
        threshold(discarded_share(order, n) * largest_eigenvalue),
        total(0),
        kept(0) {}

  BITLENS_HD bool counts(double l) const { return l > 0 && l > threshold; }

  BITLENS_HD void add(double l) {
    if (!counts(l)) return;
    total += l;
    kept += 1;
  }

  BITLENS_HD double term(double l) const {
    if (!counts(l)) return 0;
    if (alpha > 2) return std::pow(l / largest, alpha);
    const double logarithm = std::log(l / total);
    return l / total * (alpha == 1 ? logarithm : std::expm1((alpha - 1) * logarithm));
  }

  // NaN if no eigenvalue is positive.
  BITLENS_HD double entropy(double sum) const {
    if (!(total > 0)) return kNan;
    if (alpha == 1) return -sum / std::numbers::ln2;
    const double log_of_trace =
        alpha > 2 ? alpha * std::log(largest / total) + std::log(sum) : std::log1p(sum);
    return log_of_trace / ((1 - alpha) * std::numbers::ln2);
  }
};

// -log2 of the squared Frobenius norm of a kernel of n samples, from the sum of its squared elements.
BITLENS_HD inline double collision_entropy(double squares, double n) { return std::log2(n / squares * n); }

// An entropy within its limits; NaN stays NaN.
BITLENS_HD inline double bounded_entropy(double entropy, double n) {
  const double most = std::log2(n);
  return entropy < 0 ? 0 : entropy > most ? most : entropy;
}

// The trace and the squared Frobenius norm of a tridiagonal matrix.
struct TridiagonalMoments {
  double trace;
  double square;

  // A diagonal element and the squared coupling of its row to a neighbouring one, 0 for the last row.
  BITLENS_HD void add(double diagonal, double coupling) {
    trace += diagonal;
    square += diagonal * diagonal + 2 * coupling;
  }

  // Brings the matrix to the unit of RenyiQuadrature.
  BITLENS_HD double scale() const { return trace / square; }
};

// When entropies of orders 1 <= alpha < 2 are computed by RenyiQuadrature. Eigenvalues below the rounding
// errors of float32 are noise, which adds up to 1e-5 bits; distances that were rounded cause negative
// eigenvalues. A matrix that has more than about one eigenvalue of the first kind, or any of the second, is
// recomputed in float64, from its eigenvalues.
template <class T>
struct RenyiLimits {
  static constexpr double tolerance = sizeof(T) == sizeof(float) ? 1e-7 : 1e-10;
  static constexpr double noise =
      sizeof(T) == sizeof(float) ? 0x1p-21 : 0;  // an eigenvalue below it is noise

  BITLENS_HD static double negligible(Index n) { return tolerance / static_cast<double>(n); }
  BITLENS_HD static bool is_noisy(Index n, double trace_at_noise) {
    return noise > 0 && static_cast<double>(n) - trace_at_noise > 1;
  }
};

// Entropies of orders 1 <= alpha < 2 from sums of l / (l + t) over the eigenvalues.
//
// With e = alpha - 1, l^e is sin(pi e) / pi times the integral of e^(e u) l / (l + e^u) over all u.
// Eigenvalues are measured in units of (sum l^2) / (sum l). In this unit N = (sum l)^2 / (sum l^2)
// eigenvalues of 1 have the same trace and the same sum of squares; their entropy is log2 N, and only the
// difference to them is integrated:
//
//   (sum l^alpha / N - 1) / e = sinc(e) integral of e^(e u) t (1 / (1 + t) - sum l / (l + t) / N), t = e^u
//
// The integrand decays like t^(1 + e) on the left and t^(e - 2) on the right and is analytic for |Im u| < pi,
// so the trapezoid rule converges like exp(-2 pi^2 / step).
class RenyiQuadrature {
 public:
  // The error is below 2 * tolerance bits for n eigenvalues.
  RenyiQuadrature(double alpha, Index n, double tolerance) : order_(alpha - 1) {
    const double size = static_cast<double>(n);
    const double step = 2 * std::numbers::pi * std::numbers::pi / std::log(20 / tolerance);
    const double low = -std::log(size / tolerance) / (1 + order_);
    const double high = std::log(std::sqrt(size) / tolerance) / (3 - order_);
    count = static_cast<int>(std::ceil((high - low) / step)) + 1;
    require(1 <= count && count <= kMostNodes, "squared_distances: too many samples");
    const double angle = std::numbers::pi * order_;
    const double factor = step * (order_ > 0 ? std::sin(angle) / angle : 1);
    for (int s = 0; s < count; ++s) {
      const double u = low + s * step;
      shifts[s] = std::exp(u);
      weights_[s] = factor * std::exp((1 + order_) * u);
    }
    // To the right of the last node the integrand is a power of t: the last node stands for the nodes beyond
    // it.
    weights_[count - 1] /= -std::expm1(-(2 - order_) * step);
  }

  // moments: of the eigenvalues in any unit; traces[s] = sum l / (l + shifts[s]) in units of square / trace.
  BITLENS_HD double entropy(const TridiagonalMoments& moments, const double* traces) const {
    const double number = moments.trace / moments.square * moments.trace;
    double difference = 0;
    for (int s = 0; s < count; ++s) {
      difference += weights_[s] * (1 / (1 + shifts[s]) - traces[s] / number);
    }
    if (order_ > 0) difference = std::log1p(order_ * difference) / order_;
    return (std::log(number) - difference) / std::numbers::ln2;
  }

  static constexpr int kMostNodes = 63;  // enough for a million eigenvalues

  double shifts[kMostNodes];
  int count;

 private:
  double order_;
  double weights_[kMostNodes];
};

}  // namespace bitlens
