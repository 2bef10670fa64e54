// The arithmetic that decides a result, once, for the host compiler and for nvcc: back-ends differ only in
// how they cut up the work, so what is proven on the CPU holds on the GPU.
#pragma once

#include <cmath>

#include "core/view.hpp"

namespace bitlens {

// One rounding per operation, never a fused multiply-add: bin edges must be the very numbers numpy.linspace
// gives.
BITLENS_HD inline double rounded_multiply_add(double a, double b, double c) {
#ifdef __CUDA_ARCH__
  return __dadd_rn(__dmul_rn(a, b), c);
#else
  const double product = a * b;  // compiled with -ffp-contract=off
  return product + c;
#endif
}

// `count` equal bins over [low, high], the last one closed, with the edges of numpy.linspace(low, high, count
// + 1).
struct Bins {
  double low;
  double high;
  double width;
  int count;

  BITLENS_HD Bins(double low_, double high_, int count_)
      : low(low_), high(high_), width((high_ - low_) / count_), count(count_) {}

  BITLENS_HD double edge(int i) const { return i == count ? high : rounded_multiply_add(i, width, low); }

  // The guess is off by one bin at most; the true edges correct it. A constant (low == high) has one bin.
  BITLENS_HD int index(double value) const {
    if (!(high > low)) return 0;
    const double position = (value - low) / (high - low) * count;
    int i = position >= count ? count - 1 : position > 0 ? static_cast<int>(position) : 0;
    if (i > 0 && value < edge(i)) --i;
    if (i + 1 < count && value >= edge(i + 1)) ++i;
    return i;
  }
};

// p log2 p with its limit 0 at p = 0.
BITLENS_HD inline double xlog2x(double p) { return p > 0 ? p * std::log2(p) : 0.0; }

// Entropy in bits of a histogram: log2 N - (sum c log2 c) / N, which needs no division per cell; 0 for an
// empty one.
BITLENS_HD inline double histogram_entropy(const std::int32_t* counts, Index bins) {
  double total = 0;
  double sum = 0;
  for (Index b = 0; b < bins; ++b) {
    total += counts[b];
    sum += xlog2x(counts[b]);
  }
  return total > 0 ? std::fmax(0.0, std::log2(total) - sum / total) : 0.0;
}

// What a neighbour at `distance` weighs under `scale` (eq. 4); scale 0 stands for the limit of vanishing
// scale.
BITLENS_HD inline double neighbor_weight(double distance, double scale) {
  if (scale > 0) return std::exp(-distance / scale);
  return distance > 0 ? 0.0 : 1.0;
}

// The scale s with sum_j exp(-distance_j / s) = target (eq. 5), for k ascending distances and 0 < target < k.
// If `target` or more of them are 0 no scale exists: 0, which stands for the limit.
//
// Both ends of the bracket are closed forms: the mean distance by Jensen's inequality from above, the nearest
// non-zero distance from below. Inside it, Newton's method on log(sum) against log(s), with bisection
// wherever a step leaves the bracket.
BITLENS_HD inline double solve_scale(const double* distances, Index k, double target) {
  Index zeros = 0;
  double total = 0;
  for (Index j = 0; j < k; ++j) {
    zeros += distances[j] == 0;
    total += distances[j];
  }
  if (static_cast<double>(zeros) >= target) return 0;
  const double count = static_cast<double>(k);
  const double nearest = distances[zeros];
  double low =
      nearest / std::log((count - static_cast<double>(zeros)) / (target - static_cast<double>(zeros)));
  double high = total / count / std::log(count / target);
  double scale = high;
  for (int step = 0; step < 200 && high - low > 1e-15 * high; ++step) {
    double sum = 0;
    double slope = 0;
    for (Index j = 0; j < k; ++j) {
      const double ratio = distances[j] / scale;
      const double weight = std::exp(-ratio);
      sum += weight;
      slope += weight * ratio;
    }
    if (sum == target) break;
    (sum > target ? high : low) = scale;
    double next = scale * std::exp(std::log(target / sum) * sum / slope);
    if (!(next > low && next < high)) next = std::sqrt(low) * std::sqrt(high);
    if (std::fabs(next - scale) <= 1e-15 * scale) break;
    scale = next;
  }
  return scale;
}

}  // namespace bitlens
