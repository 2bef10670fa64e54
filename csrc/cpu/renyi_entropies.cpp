// Matrix-based Renyi entropies of products of Gaussian kernels, on all threads.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/ops/renyi_entropies.hpp"
#include "core/renyi.hpp"
#include "core/spectra.hpp"
#include "cpu/simd/gaussian.hpp"
#include "cpu/spectra.hpp"

namespace bitlens::cpu {
namespace {

// Writes the lower triangle of a set's Gaussian kernel, without the factor 1 / n. Returns false if every
// element is 1: the entropy of such a matrix is 0.
template <class T, class Kernel>
bool fill_kernel(const RenyiEntropies<T>& op, Index set, Kernel* matrix) {
  const Index first = op.starts.data[set];
  const Index count = op.starts.data[set + 1] - first;
  std::vector<const T*> channels;
  for (Index m = first; m < first + count; ++m) {
    channels.push_back(op.squared_distances.row(op.members.data[m]));
  }
  gaussian(channels.data(), op.squared_distances.stride[1], op.weights.data + first, count, op.size(),
           matrix);
  for (Index i = 0; i < op.size(); ++i) {
    const Kernel* row = matrix + i * padded<Kernel>(op.size());
    if (!std::all_of(row, row + i, [](Kernel element) { return element == 1; })) return true;
  }
  return false;
}

// -log2 of the squared Frobenius norm.
template <class T>
void collision_entropies(const RenyiEntropies<T>& op) {
  constexpr Index lanes = 16;
  const Index n = op.size();
  for_each_group(op.sets(), n, [&](Index first, Index last) {
    AlignedBuffer<T> matrix(padded<T>(n) * padded<T>(n));
    for (Index set = first; set < last; ++set) {
      fill_kernel(op, set, matrix.data());
      double below[lanes] = {};  // squares below the diagonal, in independent sums
      for (Index i = 0; i < n; ++i) {
        const T* row = matrix.data() + i * padded<T>(n);
        for (Index j = 0; j < i; ++j) below[j % lanes] += static_cast<double>(row[j]) * row[j];
      }
      double sum = static_cast<double>(n);
      for (double lane : below) sum += 2 * lane;
      op.entropies.data[set] = collision_entropy(sum, static_cast<double>(n));
    }
  });
}

// Stores the entropy of a set, and how many of its eigenvalues count.
template <class T>
void store_entropy(const RenyiEntropies<T>& op, Index set, const double* eigenvalues) {
  const Index n = op.size();
  double largest = 0;
  for (Index i = 0; i < n; ++i) largest = std::fmax(eigenvalues[i], largest);
  RenyiSum renyi(op.alpha, largest, static_cast<double>(n));
  for (Index i = 0; i < n; ++i) renyi.add(eigenvalues[i]);
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += renyi.term(eigenvalues[i]);
  op.entropies.data[set] = renyi.entropy(sum);
  if (op.alpha < 1) op.kept.data[set] = renyi.kept;
}

// In float64: below alpha = 1 the power magnifies the rounding errors of small eigenvalues; above 2 it
// magnifies that of the largest one.
template <class T>
void entropies_by_eigenvalues(const RenyiEntropies<T>& op, const std::vector<Index>& sets) {
  for_each_spectrum<double>(
      std::ssize(sets), op.size(),
      [&](Index s, double* matrix) {
        return fill_kernel(op, sets[static_cast<std::size_t>(s)], matrix) ? 1.0 : 0.0;
      },
      [&](Index s, double varies, const double* eigenvalues) {
        const Index set = sets[static_cast<std::size_t>(s)];
        if (varies > 0) return store_entropy(op, set, eigenvalues);
        op.entropies.data[set] = 0;
        if (op.alpha < 1) op.kept.data[set] = 1;
      });
}

// The entropy of a tridiagonal matrix, which is overwritten; NaN where RenyiLimits require eigenvalues.
template <class T>
double entropy_by_quadrature(const RenyiQuadrature& quadrature, double* diagonal, double* couplings,
                             Index n) {
  using Limits = RenyiLimits<T>;
  TridiagonalMoments moments{0, 0};
  moments.add(diagonal[n - 1], 0);
  for (Index i = 0; i < n - 1; ++i) moments.add(diagonal[i], couplings[i]);
  const double scale = moments.scale();
  for (Index i = 0; i < n; ++i) {
    diagonal[i] *= scale;
    couplings[i] *= scale * scale;
  }
  if (!positive_definite(diagonal, couplings, n, Limits::negligible(n))) return kNan;
  static_assert(RenyiQuadrature::kMostNodes + 1 <= kMaxShifts);
  std::vector<double> shifts(quadrature.shifts, quadrature.shifts + quadrature.count);
  shifts.push_back(std::max(Limits::noise, shifts.front()));
  std::vector<double> traces(shifts.size());
  eigenvalue_loops().resolvent_traces(diagonal, couplings, n, shifts.data(), std::ssize(shifts),
                                      traces.data());
  if (Limits::is_noisy(n, traces.back())) return kNan;
  return quadrature.entropy(moments, traces.data());
}

template <class T>
void entropies_by_quadrature(const RenyiEntropies<T>& op) {
  const Index n = op.size();
  double* entropies = op.entropies.data;
  const RenyiQuadrature quadrature(op.alpha, n, RenyiLimits<T>::tolerance);
  for_each_group(op.sets(), n, [&](Index first, Index last) {
    Workspace<T> work(n);
    for (Index set = first; set < last; ++set) {
      entropies[set] = 0;
      if (!fill_kernel(op, set, work.matrix.data())) continue;
      work.reduce();
      entropies[set] = entropy_by_quadrature<T>(quadrature, work.diagonal.data(), work.couplings.data(), n);
    }
  });
  std::vector<Index> refused;
  for (Index set = 0; set < op.sets(); ++set) {
    if (std::isnan(entropies[set])) refused.push_back(set);
  }
  entropies_by_eigenvalues(op, refused);
}

template <class T>
void find_entropies(const RenyiEntropies<T>& op) {
  std::fill_n(op.kept.data, op.sets(), static_cast<double>(op.size()));
  if (op.alpha == 2) {
    collision_entropies(op);
  } else if (op.alpha >= 1 && op.alpha < 2) {
    entropies_by_quadrature(op);
  } else {
    std::vector<Index> all(static_cast<std::size_t>(op.sets()));
    std::iota(all.begin(), all.end(), 0);
    entropies_by_eigenvalues(op, all);
  }
  for (Index s = 0; s < op.sets(); ++s) {
    op.entropies.data[s] = bounded_entropy(op.entropies.data[s], static_cast<double>(op.size()));
  }
}

}  // namespace

template <>
void run(const RenyiEntropies<float>& op) {
  find_entropies(op);
}
template <>
void run(const RenyiEntropies<double>& op) {
  find_entropies(op);
}

}  // namespace bitlens::cpu
