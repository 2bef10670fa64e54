// Eigenvalues of many symmetric matrices.
#include <limits>

#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cuda/tridiagonal.cuh"

namespace bitlens::cuda {
namespace {

// Divides by a power of two that brings the largest element near 1; returns that power.
template <class T>
__device__ double load_scaled(View<const T, 3> matrices, Index matrix, const Work<T>& work) {
  constexpr int limit = std::numeric_limits<T>::max_exponent - 4;  // so that the power has a reciprocal
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
  int exponent = 0;
  if (largest < HUGE_VAL) frexp(largest, &exponent);
  exponent = exponent < -limit ? -limit : exponent > limit ? limit : exponent;
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
    __syncthreads();
    tridiagonalize(work);
    bisect(work);
    for (int i = static_cast<int>(threadIdx.x); i < work.n; i += static_cast<int>(kThreads)) {
      spectra.row(matrix)[i] = power * work.values[i];
    }
    __syncthreads();
  }
}

}  // namespace

template <class T>
void gram_spectrum(View<const T, 3> matrices, View<double, 2> spectra, View<double, 2> room, void* stream) {
  check_gram_spectrum(matrices, spectra);
  const Places<T> places(matrices.shape[0], matrices.shape[1], room);
  launch("gram_spectrum", find_spectra<T>, {places.blocks}, kThreads, places.shared, stream, matrices,
         spectra, places);
}

template void gram_spectrum(View<const float, 3>, View<double, 2>, View<double, 2>, void*);
template void gram_spectrum(View<const double, 3>, View<double, 2>, View<double, 2>, void*);

}  // namespace bitlens::cuda
