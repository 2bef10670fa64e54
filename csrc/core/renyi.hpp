// Matrix-based Renyi entropy in bits: of eigenvalues, or by quadrature over resolvents, without eigenvalues.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "core/view.hpp"

namespace bitlens {

// Of eigenvalues that are normalised to sum 1 here, negative ones as 0; NaN if none is positive. The
// textbook's log(sum l^alpha) / (1 - alpha) loses half the digits for alpha near 1, and underflows for a
// large one.
inline double renyi_entropy(const double* eigenvalues, Index n, double alpha) {
  double total = 0;
  double largest = 0;
  for (Index i = 0; i < n; ++i) {
    total += std::fmax(eigenvalues[i], 0.0);
    largest = std::fmax(eigenvalues[i], largest);
  }
  if (!(total > 0)) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (Index i = 0; i < n; ++i) {
    const double l = eigenvalues[i];
    if (!(l > 0)) continue;
    if (alpha > 2) {
      sum += std::pow(l / largest, alpha);
    } else {
      const double logarithm = std::log(l / total);
      sum += l / total * (alpha == 1 ? logarithm : std::expm1((alpha - 1) * logarithm));
    }
  }
  if (alpha == 1) return -sum / std::numbers::ln2;
  const double log_of_trace = alpha > 2 ? alpha * std::log(largest / total) + std::log(sum) : std::log1p(sum);
  return log_of_trace / ((1 - alpha) * std::numbers::ln2);
}

// Entropies of orders 1 <= alpha < 2 from sums of l / (l + t) over the eigenvalues.
//
// With e = alpha - 1, l^e is sin(pi e) / pi times the integral of e^(e u) l / (l + e^u) over all u.
// Eigenvalues are measured in units of (sum l^2) / (sum l). In them N = (sum l)^2 / (sum l^2) eigenvalues of
// 1 have the same trace and the same sum of squares; their entropy is log2 N, and only the difference to them
// is integrated:
//
//   (sum l^alpha / N - 1) / e = sinc(e) integral of e^(e u) t (1 / (1 + t) - sum l / (l + t) / N), t = e^u
//
// It falls off like t^(1 + e) on the left and t^(e - 2) on the right and is analytic for |Im u| < pi, so the
// trapezoid rule converges like exp(-2 pi^2 / step).
class RenyiQuadrature {
 public:
  // The error is below 2 * tolerance bits for n eigenvalues.
  RenyiQuadrature(double alpha, Index n, double tolerance) : order_(alpha - 1) {
    const double count = static_cast<double>(n);
    const double step = 2 * std::numbers::pi * std::numbers::pi / std::log(20 / tolerance);
    const double low = -std::log(count / tolerance) / (1 + order_);
    const double high = std::log(std::sqrt(count) / tolerance) / (3 - order_);
    for (double u = low; u < high + step; u += step) {
      shifts.push_back(std::exp(u));
      weights_.push_back(step * std::exp((1 + order_) * u));
    }
    // On the right the integrand is a power of t by then: the last node stands for those beyond it.
    weights_.back() /= -std::expm1(-(2 - order_) * step);
    const double angle = std::numbers::pi * order_;
    for (double& weight : weights_) weight *= order_ > 0 ? std::sin(angle) / angle : 1;
  }

  // trace = sum l and square = sum l^2 in any unit; traces[s] = sum l / (l + shifts[s]) in units of square /
  // trace.
  double entropy(double trace, double square, const double* traces) const {
    const double number = trace / square * trace;
    double difference = 0;
    for (std::size_t s = 0; s < shifts.size(); ++s) {
      difference += weights_[s] * (1 / (1 + shifts[s]) - traces[s] / number);
    }
    if (order_ > 0) difference = std::log1p(order_ * difference) / order_;
    return (std::log(number) - difference) / std::numbers::ln2;
  }

  std::vector<double> shifts;

 private:
  double order_;
  std::vector<double> weights_;
};

}  // namespace bitlens
