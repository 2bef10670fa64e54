// Matrix-based Renyi entropies of products of Gaussian kernels, which are formed where they are used.
#include "core/numerics.hpp"
#include "core/operands.hpp"
#include "core/ops.hpp"
#include "core/renyi.hpp"
#include "cuda/tridiagonal.cuh"

namespace bitlens::cuda {
namespace {

// Gaussian kernels of sets of channels, without the factor 1 / n.
template <class T>
struct Kernels {
  View<const T, 3> squared_distances;
  View<const Index, 1> starts;
  View<const Index, 1> members;
  View<const double, 1> weights;

  Index sets() const { return starts.shape[0] - 1; }
  BITLENS_HD int size() const { return static_cast<int>(squared_distances.shape[1]); }

  // Calls body(i, j, element) for the elements below the diagonal, and on it; the block's threads share them.
  template <class Kernel, class Body>
  __device__ void for_each_element(Index set, Body&& body) const {
    const Index first = starts.data[set];
    const Index last = starts.data[set + 1];
    for (int i = static_cast<int>(threadIdx.x / kWarp); i < size(); i += static_cast<int>(kWarps)) {
      for (int j = static_cast<int>(lane_of_thread()); j <= i; j += static_cast<int>(kWarp)) {
        Kernel sum = 0;
        for (Index m = first; m < last; ++m) {
          sum += bounded_weight<Kernel>(weights.data[m]) *
                 static_cast<Kernel>(squared_distances.row(members.data[m], i)[j]);
        }
        body(i, j, exp_of_negative(-sum));
      }
    }
  }

  // Writes the triangle; false if every element is 1, a matrix whose entropy is 0.
  template <class Kernel>
  __device__ bool fill(Index set, const Work<Kernel>& work) const {
    double others = 0;
    for_each_element<Kernel>(set, [&](int i, int j, Kernel element) {
      work.row(i)[j] = element;
      others += element == 1 ? 0 : 1;
    });
    return block_sum(others) > 0;
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads)
    find_collision_entropies(Kernels<T> kernels, View<double, 1> entropies) {
  double squares = 0;
  kernels.template for_each_element<T>(blockIdx.x, [&](int i, int j, T element) {
    const double square = static_cast<double>(element) * static_cast<double>(element);
    squares += i == j ? square : 2 * square;
  });
  squares = block_sum(squares);
  const double n = kernels.size();
  if (threadIdx.x == 0) entropies.data[blockIdx.x] = bounded_entropy(collision_entropy(squares, n), n);
}

// The entropy of a tridiagonal matrix, which is overwritten; NaN where RenyiLimits asks for eigenvalues. A
// thread a shift; two more look at what the limits ask.
template <class T>
__device__ double entropy_by_quadrature(const RenyiQuadrature& quadrature, const Work<T>& work) {
  using Limits = RenyiLimits<T>;
  __shared__ double traces[RenyiQuadrature::kMostNodes + 2];
  const int thread = static_cast<int>(threadIdx.x);
  double trace = 0;
  double square = 0;
  for (int i = thread; i < work.n; i += static_cast<int>(kThreads)) {
    trace += work.diagonal[i];
    square += work.diagonal[i] * work.diagonal[i] + (i > 0 ? 2 * work.couplings[i] : 0);
  }
  trace = block_sum(trace);
  square = block_sum(square);
  const double scale = trace / square;
  for (int i = thread; i < work.n; i += static_cast<int>(kThreads)) {
    work.diagonal[i] *= scale;
    if (i > 0) work.couplings[i] *= scale * scale;
  }
  __syncthreads();
  const int noise = quadrature.count;
  if (thread <= noise) {
    const double shift =
        thread < noise ? quadrature.shifts[thread] : fmax(Limits::noise, quadrature.shifts[0]);
    ResolventTrace<double> resolvent(shift, work.diagonal[0]);
    for (int i = 1; i < work.n; ++i) resolvent.step(work.diagonal[i], work.couplings[i]);
    resolvent.step(0, 0);
    traces[thread] = resolvent.trace;
  } else if (thread == noise + 1) {
    traces[thread] =
        positive_definite(work.diagonal, work.couplings + 1, work.n, Limits::negligible(work.n)) ? 1 : 0;
  }
  __syncthreads();
  const bool refused = traces[noise + 1] == 0 || Limits::is_noisy(work.n, traces[noise]);
  return refused ? kNoNumber : quadrature.entropy(trace, square, traces);
}

template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce<T>)
    find_entropies_by_quadrature(Kernels<T> kernels, RenyiQuadrature quadrature, View<double, 1> entropies,
                                 Places<T> places) {
  const Work<T> work = places.work(kernels.size());
  for (Index set = blockIdx.x; set < entropies.shape[0]; set += gridDim.x) {
    double entropy = 0;
    if (kernels.fill(set, work)) {
      tridiagonalize(work);
      entropy = entropy_by_quadrature(quadrature, work);
    }
    if (threadIdx.x == 0) entropies.data[set] = bounded_entropy(entropy, work.n);
    __syncthreads();
  }
}

// In float64: below alpha = 1 the power magnifies the rounding errors of small eigenvalues, above 2 that of
// the largest. Of all sets, or of those whose entropy is NaN so far.
template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce<double>)
    find_entropies_by_eigenvalues(Kernels<T> kernels, double alpha, bool all, View<double, 1> entropies,
                                  Places<double> places) {
  const Work<double> work = places.work(kernels.size());
  for (Index set = blockIdx.x; set < entropies.shape[0]; set += gridDim.x) {
    if (!all && entropies.data[set] == entropies.data[set]) continue;
    double entropy = 0;
    if (kernels.fill(set, work)) {
      tridiagonalize(work);
      bisect(work);
      RenyiSum of{alpha, 0, 0};
      for (int i = static_cast<int>(threadIdx.x); i < work.n; i += static_cast<int>(kThreads)) {
        of.total += fmax(work.values[i], 0.0);
        of.largest = fmax(work.values[i], of.largest);
      }
      of.total = block_sum(of.total);
      of.largest = block_max(of.largest);
      double sum = 0;
      for (int i = static_cast<int>(threadIdx.x); i < work.n; i += static_cast<int>(kThreads)) {
        sum += of.term(work.values[i]);
      }
      entropy = of.entropy(block_sum(sum));
    }
    __syncthreads();
    if (threadIdx.x == 0) entropies.data[set] = bounded_entropy(entropy, work.n);
    __syncthreads();
  }
}

template <class T>
void launch_by_eigenvalues(const Kernels<T>& kernels, double alpha, bool all, View<double, 1> entropies,
                           View<double, 2> room, void* stream) {
  const Places<double> places(kernels.sets(), kernels.size(), room);
  launch("renyi_entropies by eigenvalues", find_entropies_by_eigenvalues<T>, {places.blocks}, kThreads,
         places.shared, stream, kernels, alpha, all, entropies, places);
}

}  // namespace

template <class T>
void renyi_entropies(View<const T, 3> squared_distances, View<const Index, 1> starts,
                     View<const Index, 1> members, View<const double, 1> weights, double alpha,
                     View<double, 1> entropies, View<double, 2> room, void* stream) {
  check_renyi_entropies(squared_distances, starts, members, weights, alpha, entropies);
  const Kernels<T> kernels{squared_distances, starts, members, weights};
  const Index n = squared_distances.shape[1];
  if (alpha == 2) {
    require(kernels.sets() <= kMaxBlocks, "starts: more than 2^31 - 1 sets");
    launch("renyi_entropies of order 2", find_collision_entropies<T>, {kernels.sets()}, kThreads, 0, stream,
           kernels, entropies);
  } else if (alpha >= 1 && alpha < 2) {
    const Places<T> places(kernels.sets(), n, room);
    const RenyiQuadrature quadrature(alpha, n, RenyiLimits<T>::tolerance);
    launch("renyi_entropies", find_entropies_by_quadrature<T>, {places.blocks}, kThreads, places.shared,
           stream, kernels, quadrature, entropies, places);
    launch_by_eigenvalues(kernels, alpha, false, entropies, room, stream);
  } else {
    launch_by_eigenvalues(kernels, alpha, true, entropies, room, stream);
  }
}

template void renyi_entropies(View<const float, 3>, View<const Index, 1>, View<const Index, 1>,
                              View<const double, 1>, double, View<double, 1>, View<double, 2>, void*);
template void renyi_entropies(View<const double, 3>, View<const Index, 1>, View<const Index, 1>,
                              View<const double, 1>, double, View<double, 1>, View<double, 2>, void*);

}  // namespace bitlens::cuda
