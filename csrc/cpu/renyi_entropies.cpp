// Matrix-based Renyi entropies of products of Gaussian kernels.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/operands.hpp"
#include "core/ops.hpp"
#include "core/renyi.hpp"
#include "core/spectra.hpp"
#include "cpu/simd/gaussian.hpp"
#include "cpu/spectra.hpp"

namespace bitlens::cpu {
namespace {

// Gaussian kernels of sets of channels, without the factor 1 / n.
template <class T>
struct Kernels {
  View<const T, 3> squared_distances;
  View<const Index, 1> starts;
  View<const Index, 1> members;
  View<const double, 1> weights;

  Index sets() const { return starts.shape[0] - 1; }
  Index size() const { return squared_distances.shape[1]; }

  // Writes the lower triangle; false if every element is 1, a matrix whose entropy is 0.
  template <class Kernel>
  bool fill(Index set, Kernel* matrix) const {
    const Index first = starts.data[set];
    const Index count = starts.data[set + 1] - first;
    std::vector<const T*> channels;
    for (Index m = first; m < first + count; ++m) {
      channels.push_back(squared_distances.row(members.data[m]));
    }
    gaussian(channels.data(), squared_distances.stride[1], weights.data + first, count, size(), matrix);
    for (Index i = 0; i < size(); ++i) {
      const Kernel* row = matrix + i * padded<Kernel>(size());
      if (!std::all_of(row, row + i, [](Kernel element) { return element == 1; })) return true;
    }
    return false;
  }
};

// -log2 of the squared Frobenius norm.
template <class T>
void collision_entropies(const Kernels<T>& kernels, double* entropies) {
  constexpr Index lanes = 16;
  const Index n = kernels.size();
  for_each_group(kernels.sets(), n, [&](Index first, Index last) {
    AlignedBuffer<T> matrix(padded<T>(n) * padded<T>(n));
    for (Index set = first; set < last; ++set) {
      kernels.fill(set, matrix.data());
      double below[lanes] = {};  // squares below the diagonal, independent sums
      for (Index i = 0; i < n; ++i) {
        const T* row = matrix.data() + i * padded<T>(n);
        for (Index j = 0; j < i; ++j) below[j % lanes] += static_cast<double>(row[j]) * row[j];
      }
      double sum = static_cast<double>(n);
      for (double lane : below) sum += 2 * lane;
      entropies[set] = collision_entropy(sum, static_cast<double>(n));
    }
  });
}

// In float64: below alpha = 1 the power magnifies the rounding errors of small eigenvalues, above 2 that of
// the largest.
template <class T>
void entropies_by_eigenvalues(const Kernels<T>& kernels, const std::vector<Index>& sets, double alpha,
                              double* entropies) {
  const Index n = kernels.size();
  for_each_spectrum<double>(
      std::ssize(sets), n,
      [&](Index s, double* matrix) {
        return kernels.fill(sets[static_cast<std::size_t>(s)], matrix) ? 1.0 : 0.0;
      },
      [&](Index s, double varies, const double* eigenvalues) {
        entropies[sets[static_cast<std::size_t>(s)]] = varies > 0 ? renyi_entropy(eigenvalues, n, alpha) : 0;
      });
}

// The entropy of a tridiagonal matrix, which is overwritten; NaN where RenyiLimits asks for eigenvalues.
template <class T>
double entropy_by_quadrature(const RenyiQuadrature& quadrature, double* diagonal, double* couplings,
                             Index n) {
  using Limits = RenyiLimits<T>;
  double trace = diagonal[n - 1];
  double square = diagonal[n - 1] * diagonal[n - 1];
  for (Index i = 0; i < n - 1; ++i) {
    trace += diagonal[i];
    square += diagonal[i] * diagonal[i] + 2 * couplings[i];
  }
  const double scale = trace / square;
  for (Index i = 0; i < n; ++i) {
    diagonal[i] *= scale;
    couplings[i] *= scale * scale;
  }
  if (!positive_definite(diagonal, couplings, n, Limits::negligible(n))) return kNoNumber;
  static_assert(RenyiQuadrature::kMostNodes + 1 <= kMaxShifts);
  std::vector<double> shifts(quadrature.shifts, quadrature.shifts + quadrature.count);
  shifts.push_back(std::max(Limits::noise, shifts.front()));
  std::vector<double> traces(shifts.size());
  eigenvalue_loops().resolvent_traces(diagonal, couplings, n, shifts.data(), std::ssize(shifts),
                                      traces.data());
  if (Limits::is_noisy(n, traces.back())) return kNoNumber;
  return quadrature.entropy(trace, square, traces.data());
}

template <class T>
void entropies_by_quadrature(const Kernels<T>& kernels, double alpha, double* entropies) {
  const Index n = kernels.size();
  const RenyiQuadrature quadrature(alpha, n, RenyiLimits<T>::tolerance);
  for_each_group(kernels.sets(), n, [&](Index first, Index last) {
    Workspace<T> work(n);
    for (Index set = first; set < last; ++set) {
      entropies[set] = 0;
      if (!kernels.fill(set, work.matrix.data())) continue;
      work.reduce();
      entropies[set] = entropy_by_quadrature<T>(quadrature, work.diagonal.data(), work.couplings.data(), n);
    }
  });
  std::vector<Index> refused;
  for (Index set = 0; set < kernels.sets(); ++set) {
    if (std::isnan(entropies[set])) refused.push_back(set);
  }
  entropies_by_eigenvalues(kernels, refused, alpha, entropies);
}

template <class T>
void check_sets(const Kernels<T>& kernels) {
  const auto& [distances, starts, members, weights] = kernels;
  require_size(starts.data[0], 0, "starts: first");
  require_size(starts.data[kernels.sets()], members.shape[0], "starts: last");
  for (Index s = 0; s < kernels.sets(); ++s) {
    require(starts.data[s] < starts.data[s + 1], "starts: set " + std::to_string(s) + " has no members");
  }
  for (Index m = 0; m < members.shape[0]; ++m) {
    require(members.data[m] >= 0 && members.data[m] < distances.shape[0],
            "members: " + std::to_string(members.data[m]) + " is no channel");
    require(std::isfinite(weights.data[m]) && weights.data[m] >= 0,
            "weights: expected finite numbers from 0 on, got " + std::to_string(weights.data[m]));
  }
}

}  // namespace

template <class T>
void renyi_entropies(View<const T, 3> squared_distances, View<const Index, 1> starts,
                     View<const Index, 1> members, View<const double, 1> weights, double alpha,
                     View<double, 1> entropies, View<double, 2>) {
  const Kernels<T> kernels{squared_distances, starts, members, weights};
  check_renyi_entropies(squared_distances, starts, members, weights, alpha, entropies);
  check_sets(kernels);
  if (alpha == 2) {
    collision_entropies(kernels, entropies.data);
  } else if (alpha >= 1 && alpha < 2) {
    entropies_by_quadrature(kernels, alpha, entropies.data);
  } else {
    std::vector<Index> all(static_cast<std::size_t>(kernels.sets()));
    std::iota(all.begin(), all.end(), 0);
    entropies_by_eigenvalues(kernels, all, alpha, entropies.data);
  }
  for (Index s = 0; s < kernels.sets(); ++s) {
    entropies.data[s] = bounded_entropy(entropies.data[s], static_cast<double>(kernels.size()));
  }
}

template void renyi_entropies(View<const float, 3>, View<const Index, 1>, View<const Index, 1>,
                              View<const double, 1>, double, View<double, 1>, View<double, 2>);
template void renyi_entropies(View<const double, 3>, View<const Index, 1>, View<const Index, 1>,
                              View<const double, 1>, double, View<double, 1>, View<double, 2>);

}  // namespace bitlens::cpu
