// Eigenvalues of many symmetric matrices.
#include "core/ops/spectra.hpp"
#include "core/spectra.hpp"
#include "cuda/tridiagonal.cuh"

namespace bitlens::cuda {
namespace {

// Divides a matrix by a power of two that brings its largest element near 1. Returns that power.
template <class T>
__device__ double load_scaled(View<const T, 3> matrices, Index matrix, const Work<T>& work) {
  const auto for_each_element = [&](auto&& body) {
    for (int i = static_cast<int>(threadIdx.x / kWarp); i < work.n; i += static_cast<int>(kWarps)) {
      const T* row = matrices.row(matrix, i);
      for (int j = static_cast<int>(lane_of_thread()); j <= i; j += static_cast<int>(kWarp))
        body(i, j, row[j]);
    }
  };
  double largest = 0;
  for_each_element([&](int, int, T element) { largest = fmax(largest, fabs(static_cast<double>(element))); });
  largest = block_max(largest);
  const int exponent = scaling_exponent<T>(largest);
  const T inverse = static_cast<T>(ldexp(1.0, -exponent));
  for_each_element([&](int i, int j, T element) { work.row(i)[j] = element * inverse; });
  return ldexp(1.0, exponent);
}

template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce<T>)
    find_spectra(View<const T, 3> matrices, View<double, 2> spectra, Places<T> places) {
  const Work<T> work = places.work(static_cast<int>(matrices.shape[1]));
  for (Index matrix = blockIdx.x; matrix < matrices.shape[0]; matrix += gridDim.x) {
    const double power = load_scaled(matrices, matrix, work);
    tridiagonalize(work);
    bisect(work);
    for (int i = static_cast<int>(threadIdx.x); i < work.n; i += static_cast<int>(kThreads)) {
      spectra.row(matrix)[i] = power * work.values[i];
    }
  }
}

template <class T>
void launch_spectra(const GramSpectrum<T>& op, Stream stream) {
  const View<const T, 3> matrices = op.matrices;
  Places<T> places(matrices.shape[0], matrices.shape[1]);
  places.take(op.workspace);
  launch("gram_spectrum", find_spectra<T>, {places.blocks}, kThreads, places.shared, stream, matrices,
         op.spectra, places);
}

}  // namespace

Index workspace_for_matrix(Index n, bool in_double) {
  return in_double ? Places<double>(1, n).workspace_columns : Places<float>(1, n).workspace_columns;
}

template <>
void run(const GramSpectrum<float>& op, Stream stream) {
  launch_spectra(op, stream);
}
template <>
void run(const GramSpectrum<double>& op, Stream stream) {
  launch_spectra(op, stream);
}

}  // namespace bitlens::cuda
