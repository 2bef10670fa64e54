// The arithmetic that decides a result, once, for the host compiler and for nvcc. Back-ends differ only in
// how they divide the work, so properties that are tested on the CPU hold on the GPU.
#pragma once

#include <cfloat>
#include <cmath>
#include <utility>

#include "core/check.hpp"
#include "core/view.hpp"

namespace bitlens {

// One rounding per operation, never a fused multiply-add: bin edges must equal those of numpy.linspace bit
// for bit.
BITLENS_HD inline double rounded_multiply_add(double a, double b, double c) {
#ifdef __CUDA_ARCH__
  return __dadd_rn(__dmul_rn(a, b), c);
#else
  const double product = a * b;  // compiled with -ffp-contract=off
  return product + c;
#endif
}

// `count` equal bins over [low, high], the last one closed, with the edges of numpy.linspace(low, high, count
// + 1). Every estimator that bins values takes its bins from here. index() has neither branches nor
// divisions, so that the compiler vectorises loops over it; its range must be one whose size float64 can
// represent.
struct Bins {
  double low;
  double high;
  double width;  // infinite for a constant, and at least the smallest number above 0
  double unit;   // a power of two that keeps the inverse of extreme ranges finite
  double scale;  // bins per (value * unit)
  int count;

  BITLENS_HD Bins(double low_, double high_, int count_)
      : low(low_),
        high(high_),
        width(high_ > low_ ? std::fmax((high_ - low_) / count_, 0x1p-1074) : HUGE_VAL),
        unit(high_ - low_ > 0x1p500 ? 0x1p-600 : (high_ > low_ && high_ - low_ < 0x1p-500 ? 0x1p600 : 1.0)),
        scale(0),
        count(count_) {
    if (high > low) scale = unit > 1 ? 1 / (width * unit) : count / (high * unit - low * unit);
  }

  // The lower end of bin i, from 1 on; infinite for a constant. A range that float64 cannot represent is
  // divided by 4 meanwhile.
  BITLENS_HD double edge(int i) const {
    if (high - low < HUGE_VAL) return rounded_multiply_add(i, width, low);
    return 4 * rounded_multiply_add(i, (high / 4 - low / 4) / count, low / 4);
  }

  // The index stays a double until the end: two additions round it on every machine. The guess is off by one
  // bin at most, and comparisons with the edges correct it. A constant (low == high) has one bin.
  BITLENS_HD int index(double value) const {
    constexpr double kRound = 0x1.8p52;  // adding it leaves the nearest integer in the low bits
    const double position = (value * unit - low * unit) * scale - 0.5;
    const double last = count - 1;
    const double inside = position < last ? position : last;
    double i = (inside > 0 ? inside : 0.0) + kRound - kRound;
    i -= i > 0 && value < rounded_multiply_add(i, width, low) ? 1.0 : 0.0;
    i += i < last && value >= rounded_multiply_add(i + 1, width, low) ? 1.0 : 0.0;
    return static_cast<int>(__builtin_bit_cast(std::uint64_t, i + kRound) & 0xff);
  }
};
static_assert(kMaxBins <= 256);

// The constants of exp_of_negative in either precision. Ln 2 is split into two parts, the first of few bits,
// so that its products with integers are exact. The series is Taylor's, for |r| <= ln 2 / 2.
template <class T>
struct Exponential;
template <>
struct Exponential<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa = 23, degree = 7;
  static constexpr float lowest = -87, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
};
template <>
struct Exponential<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa = 52, degree = 13;
  static constexpr double lowest = -708, ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
};

constexpr double inverse_factorial(int k) { return k == 0 ? 1 : inverse_factorial(k - 1) / k; }

template <class T, int k>
inline constexpr T kInverseFactorial = static_cast<T>(inverse_factorial(k));

// 1 + r + r^2 / 2 + ... up to the degree sizeof...(k). It is unrolled by the compiler's front end, because
// loops over it are vectorised only then.
template <class T, int... k>
BITLENS_HD inline T exponential_series(T r, std::integer_sequence<int, k...>) {
  constexpr int degree = sizeof...(k);
  T series = kInverseFactorial<T, degree>;
  ((series = series * r + kInverseFactorial<T, degree - 1 - k>), ...);
  return series;
}

// exp(x) for x <= 0, to 2 units in the last place; 0 where the result would be subnormal. It has neither
// branches nor calls, so that the compiler vectorises loops over it.
template <class T>
BITLENS_HD inline T exp_of_negative(T x) {
  using E = Exponential<T>;
  using Bits = typename E::Bits;
  constexpr T kRound =
      static_cast<T>(1.5) * (Bits{1} << E::mantissa);  // adding it leaves an integer in the low bits
  const T bounded = x < E::lowest ? E::lowest : x;
  const T shifted = bounded * static_cast<T>(1.4426950408889634) + kRound;
  const T n = shifted - kRound;
  const T r = (bounded - n * E::ln2_high) - n * E::ln2_low;
  const T series = exponential_series(r, std::make_integer_sequence<int, E::degree>{});
  const Bits power = __builtin_bit_cast(Bits, shifted) << E::mantissa;
  const T result = __builtin_bit_cast(T, __builtin_bit_cast(Bits, series) + power);
  return x < E::lowest ? T{0} : result;
}

// The weight of a squared distance. Larger weights are replaced by the largest finite one: infinity times the
// 0 of a diagonal would be NaN.
template <class Kernel>
BITLENS_HD inline Kernel bounded_weight(double weight) {
  constexpr double most = sizeof(Kernel) == sizeof(float) ? FLT_MAX : DBL_MAX;
  return static_cast<Kernel>(weight < most ? weight : most);
}

// log2(x) of a positive normal number, to 2 units in the last place; loops over it are vectorised as above.
BITLENS_HD inline double log2_of_positive(double x) {
  constexpr std::uint64_t kBias = std::uint64_t{1023} << 52;
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcdu;
  const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, x);
  const std::uint64_t exponent = (bits + kBias - kSqrtHalf) >> 52;  // + 1023; mantissa from sqrt(1/2) on
  const double m = __builtin_bit_cast(double, bits + kBias - (exponent << 52));
  const double e = __builtin_bit_cast(double, exponent | 0x4330000000000000u) - (0x1p52 + 1023);
  const double s = (m - 1) / (m + 1);
  const double z = s * s;
  double p = 1.0 / 23;  // log m = 2 (s + s^3 / 3 + s^5 / 5 + ...), |s| <= 0.172
  p = p * z + 1.0 / 21;
  p = p * z + 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  return e + 2.8853900817779268 * s * p;
}

// p log2 p with its limit 0 at p = 0.
BITLENS_HD inline double xlog2x(double p) { return p * log2_of_positive(p > 0 ? p : 1.0); }

// The entropy in bits of counts c with the sum N: log2 N - (sum c log2 c) / N, without a division per cell.
// The entropy of no counts is 0.
BITLENS_HD inline double entropy_of_sums(double total, double sum_xlog2x) {
  return total > 0 ? std::fmax(0.0, std::log2(total) - sum_xlog2x / total) : 0.0;
}

// The factor by which distances are multiplied under a scale. Scale 0 stands for the limit of vanishing
// scale, in which a neighbour has weight 1 at distance 0 and weight 0 elsewhere.
BITLENS_HD inline double inverse_scale(double scale) { return scale > 0 ? 1 / scale : 1e300; }

// The weight of a neighbour under a scale (CNNSlicer, eq. 4).
BITLENS_HD inline double neighbor_weight(double distance, double inverse) {
  return exp_of_negative(-distance * inverse);
}

// Whether a sample at `distance` is among the neighbours of another, the last of which is (last_distance,
// last_index). Distances are bitwise symmetric, so both sides agree.
BITLENS_HD inline bool is_among(double distance, Index sample, double last_distance, Index last_index) {
  return (distance < last_distance) | ((distance == last_distance) & (sample <= last_index));
}

// A sample i meets the edge to its neighbour j once. A mutual edge stands for the ordered pair (i, j) alone,
// with the weight P(j|i) + P(i|j), because its reverse is met at j. A one-sided edge stands for both ordered
// pairs. So a transposed table of neighbours is not needed.
BITLENS_HD inline double edge_weight(double forward, double backward, bool mutual) {
  return forward + (mutual ? backward : 0.0);
}
BITLENS_HD inline double ordered_pairs(bool mutual) { return mutual ? 1.0 : 2.0; }

// The entropy in bits of probabilities w / sum w, from the sums of w and of w log2 w (eq. 6 and 7).
BITLENS_HD inline double entropy_of_weights(double weight, double weighted_log) {
  return std::log2(weight) - weighted_log / weight;
}

// The sum of weights over a sample's neighbours, and its derivative with respect to log(scale).
struct WeightSums {
  double sum;
  double slope;
};

// The scale s with sum_j exp(-distance_j / s) = target (eq. 5), for k ascending distances and 0 < target < k;
// sums_at(inverse scale) returns the WeightSums. If `target` or more of the distances are 0, a scale does not
// exist; the result is 0, which stands for the limit.
//
// Both ends of the bracket are closed forms: the upper end follows from the mean distance by Jensen's
// inequality, the lower end from the nearest non-zero distance. Inside it, Newton's method solves log(sum)
// for log(s), with bisection wherever a step leaves the bracket. Steps shrink quadratically: after a step of
// 1e-8 the next one is below rounding.
template <class SumsAt>
BITLENS_HD inline double solve_scale(const double* distances, Index k, double target, SumsAt&& sums_at) {
  Index zeros = 0;
  while (zeros < k && distances[zeros] == 0) ++zeros;
  if (static_cast<double>(zeros) >= target) return 0;
  double total = 0;
  for (Index j = zeros; j < k; ++j) total += distances[j];
  const double count = static_cast<double>(k);
  const double at_zero = static_cast<double>(zeros);
  double low = distances[zeros] / std::log((count - at_zero) / (target - at_zero));
  double high = total / count / std::log(count / target);
  double scale = high;
  for (int step = 0; step < 200 && high - low > 1e-15 * high; ++step) {
    const WeightSums at = sums_at(inverse_scale(scale));
    (at.sum > target ? high : low) = scale;
    const double next = scale * std::exp(std::log(target / at.sum) * at.sum / at.slope);
    if (std::fabs(next - scale) <= 1e-8 * scale) return next;
    scale = next > low && next < high ? next : std::sqrt(low) * std::sqrt(high);
  }
  return scale;
}

}  // namespace bitlens
