// Derivatives of matrix-based entropies by quadrature over resolvents, without eigenvectors.
//
// A matrix is reduced to a tridiagonal one with the same eigenvalues. With e = alpha - 1 and nodes t = e^u,
//
//   (x^e - 1) / e = sinc(e) integral of t^e (x / (x + t) - 1 / (1 + t)) over all u,
//
// so that h of a tridiagonal matrix is a sum of resolvents, each of which has two numbers for each row. The
// reflectors of the reduction turn it into h of the matrix.
#include "core/ops/entropy_slopes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/renyi.hpp"
#include "cpu/spectra.hpp"

namespace bitlens::cpu {
namespace {

constexpr double kTolerance = 1e-10;

// The nodes t, and h(x) = constant + slope x - sum of weights / (x + t).
struct Quadrature {
  std::vector<double> shifts;
  std::vector<double> weights;
  double constant = 0;
  double slope = 0;

  // Eigenvalues near 1 are computed to kTolerance, those near `least` to their order of magnitude.
  Quadrature(double e, double least) {
    const double step = 2 * std::numbers::pi * std::numbers::pi / std::log(20 / kTolerance);
    const double angle = std::numbers::pi * e;
    const double factor = step * (e > 0 ? std::sin(angle) / angle : 1);
    const double high = -std::log(kTolerance) / (2 - e);
    const double low = std::log(least);
    double last = 0;
    for (Index node = 0; low + static_cast<double>(node) * step < high + step; ++node) {
      const double u = low + static_cast<double>(node) * step;
      const double t = std::exp(u);
      last = factor * std::exp(e * u);
      shifts.push_back(t);
      weights.push_back(last * t);
      constant += last * t / (1 + t);
    }
    // To the right of the last node the integrand is (x - 1) t^(e - 1).
    const double ratio = std::exp((e - 1) * step);
    slope = last / shifts.back() * ratio / (1 - ratio);
    constant -= slope;
  }
};

double at(const double* matrix, Index n, Index i, Index j) { return matrix[i * padded<double>(n) + j]; }

struct SlopesOfOne {
  explicit SlopesOfOne(Index size)
      : n(size),
        matrix(padded<double>(n) * padded<double>(n)),
        function(padded<double>(n) * padded<double>(n)),
        scratch(4 * padded<double>(n)),
        diagonal(n),
        off_diagonal(n),
        scales(n),
        resolvents(2 * n * kMostResolvents) {}

  // Stores the slopes of a matrix and returns its entropy; NaN where there is none.
  double compute(const double* rows, Index stride, double alpha, double* slopes, Index slope_stride) {
    const Index width = padded<double>(n);
    for (Index i = 0; i < n; ++i) std::copy_n(rows + i * stride, i + 1, matrix.data() + i * width);
    tridiagonal_loops().with_reflectors(matrix.data(), n, scratch.data(), diagonal.data(),
                                        off_diagonal.data(), scales.data());
    double* d = diagonal.data();
    double* b = off_diagonal.data();
    TridiagonalMoments moments{0, 0};
    for (Index i = 0; i < n; ++i) moments.add(d[i], i < n - 1 ? b[i] * b[i] : 0);
    if (!(moments.trace > 0 && moments.square > 0)) return kNan;
    const double unit = moments.scale();
    for (Index i = 0; i < n; ++i) d[i] *= unit;
    for (Index i = 0; i < n - 1; ++i) b[i] *= unit;
    const double largest = std::sqrt(moments.square) * unit;
    const double e = alpha - 1;
    const Quadrature quadrature(e, static_cast<double>(n) * DBL_EPSILON * largest);
    const Index count = std::ssize(quadrature.shifts);
    require(count <= kMostResolvents, "matrices: too many rows");
    std::fill_n(function.data(), width * width, 0.0);
    if (!eigenvalue_loops().resolvent_sum(d, b, n, quadrature.shifts.data(), quadrature.weights.data(), count,
                                          resolvents.data(), function.data(), width)) {
      return kNan;
    }
    return finish(quadrature, moments, alpha, slopes, slope_stride);
  }

  // h of the tridiagonal matrix y is constant + slope y - sum, and A is y / (unit tr M).
  double finish(const Quadrature& quadrature, const TridiagonalMoments& moments, double alpha, double* slopes,
                Index slope_stride) {
    const double* d = diagonal.data();
    const double* b = off_diagonal.data();
    double* h = function.data();
    const Index width = padded<double>(n);
    double product = 0;  // the trace of y h(y)
    double trace = 0;    // that of y
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j <= i; ++j) h[i * width + j] = -h[i * width + j];
      h[i * width + i] += quadrature.constant + quadrature.slope * d[i];
      product += d[i] * h[i * width + i];
      trace += d[i];
      if (i == 0) continue;
      h[i * width + i - 1] += quadrature.slope * b[i - 1];
      product += 2 * b[i - 1] * h[i * width + i - 1];
    }
    const double e = alpha - 1;
    const double power = std::exp(-e * std::log(trace));  // of 1 / trace, which turns y into A
    const double offset = e > 0 ? std::expm1(-e * std::log(trace)) / e : -std::log(trace);
    const double c = power * product / trace + offset;
    const double factor = alpha / ((1 + e * c) * moments.trace * std::numbers::ln2);
    tridiagonal_loops().transform_back(matrix.data(), scales.data(), n, scratch.data(), h);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < i; ++j) slopes[i * slope_stride + j] = -factor * power * at(h, n, i, j);
      slopes[i * slope_stride + i] = factor * (c - offset - power * at(h, n, i, i));
    }
    for (Index i = 0; i < n; ++i) {
      for (Index j = i + 1; j < n; ++j) slopes[i * slope_stride + j] = slopes[j * slope_stride + i];
    }
    return -(e > 0 ? std::log1p(e * c) / e : c) / std::numbers::ln2;
  }

  Index n;
  AlignedBuffer<double> matrix;
  AlignedBuffer<double> function;
  AlignedBuffer<double> scratch;
  AlignedBuffer<double> diagonal;
  AlignedBuffer<double> off_diagonal;
  AlignedBuffer<double> scales;
  AlignedBuffer<double> resolvents;
};

}  // namespace

template <>
void run(const EntropySlopes& op) {
  const Index n = op.matrices.shape[1];
  for_each_group(op.matrices.shape[0], n, [&](Index first, Index last) {
    SlopesOfOne slopes(n);
    for (Index m = first; m < last; ++m) {
      const double bits = slopes.compute(op.matrices.row(m), op.matrices.stride[1], op.alpha,
                                         op.slopes.row(m), op.slopes.stride[1]);
      op.entropies.data[m] = std::isnan(bits) ? bits : bounded_entropy(bits, static_cast<double>(n));
    }
  });
}

}  // namespace bitlens::cpu
