// Eigenvalues of many symmetric matrices.
#include "cpu/spectra.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/spectra.hpp"
#include "core/spectra.hpp"

namespace bitlens::cpu {

namespace {

// Copies the lower triangle of `n` rows that lie `stride` apart, divided by a power of two that brings the
// largest element near 1. Returns that power.
template <class T>
double copy_scaled(const T* rows, Index stride, Index n, T* matrix) {
  constexpr Index tile = kAlignment / static_cast<Index>(sizeof(T));
  T largest[tile] = {};  // one for each lane, so that the loops below need no fixed order
  T unsound[tile] = {};  // 0, or NaN once an element is not finite
  for (Index i = 0; i < n; ++i) {
    T* row = matrix + i * padded<T>(n);
    const Index end = (i / tile + 1) * tile;
    std::copy(rows + i * stride, rows + i * stride + i + 1, row);
    std::fill(row + i + 1, row + end, T{0});
    for (Index j = 0; j < end; j += tile) {
      for (Index l = 0; l < tile; ++l) {
        const T size = std::abs(row[j + l]);
        largest[l] = size > largest[l] ? size : largest[l];
        unsound[l] += 0 * size;
      }
    }
  }
  for (T lane : unsound) require(lane == 0, "matrices: contains NaN or infinity; every value must be finite");
  const T power =
      std::ldexp(T{1}, scaling_exponent<T>(static_cast<double>(*std::max_element(largest, largest + tile))));
  for (Index i = 0; i < n; ++i) {
    T* row = matrix + i * padded<T>(n);
    for (Index j = 0; j <= i; ++j) row[j] *= 1 / power;
  }
  return static_cast<double>(power);
}

template <class T>
void find_spectra(View<const T, 3> matrices, View<double, 2> spectra) {
  const Index n = matrices.shape[1];
  for_each_spectrum<T>(
      matrices.shape[0], n,
      [&](Index m, T* matrix) { return copy_scaled(matrices.row(m), matrices.stride[1], n, matrix); },
      [&](Index m, double power, double* eigenvalues) {
        std::sort(eigenvalues, eigenvalues + n);
        for (Index i = 0; i < n; ++i) spectra.row(m)[i] = power * eigenvalues[i];
      });
}

}  // namespace

template <>
void run(const GramSpectrum<float>& op) {
  find_spectra(op.matrices, op.spectra);
}
template <>
void run(const GramSpectrum<double>& op) {
  find_spectra(op.matrices, op.spectra);
}

}  // namespace bitlens::cpu
