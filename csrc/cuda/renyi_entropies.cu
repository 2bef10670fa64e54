// Matrix-based Renyi entropies of products of Gaussian kernels, which are computed where they are used.
#include "core/numerics.hpp"
#include "core/ops/renyi_entropies.hpp"
#include "core/renyi.hpp"
#include "cuda/tridiagonal.cuh"

namespace bitlens::cuda {
namespace {

// The Gaussian kernels of the sets, without the factor 1 / n.
template <class T>
struct Kernels {
  RenyiEntropies<T> op;

  __device__ int size() const { return static_cast<int>(op.size()); }

  // Calls body(i, j, element) for the elements below the diagonal and on it, which the block's threads share.
  template <class Kernel, class Body>
  __device__ void for_each_element(Index set, Body&& body) const {
    const Index first = op.starts.data[set];
    const Index last = op.starts.data[set + 1];
    for (int i = static_cast<int>(threadIdx.x / kWarp); i < size(); i += static_cast<int>(kWarps)) {
      for (int j = static_cast<int>(lane_of_thread()); j <= i; j += static_cast<int>(kWarp)) {
        Kernel sum = 0;
        for (Index m = first; m < last; ++m) {
          sum += bounded_weight<Kernel>(op.weights.data[m]) *
                 static_cast<Kernel>(op.squared_distances.row(op.members.data[m], i)[j]);
        }
        // A NaN stays one, whatever its bits are: it says that a value or a bandwidth is not usable.
        body(i, j, sum == sum ? exp_of_negative(-sum) : sum);
      }
    }
  }

  // Writes the triangle. Returns false if every element is 1: the entropy of such a matrix is 0.
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
__global__ void __launch_bounds__(kThreads) find_collision_entropies(Kernels<T> kernels) {
  double squares = 0;
  kernels.template for_each_element<T>(blockIdx.x, [&](int i, int j, T element) {
    const double square = static_cast<double>(element) * static_cast<double>(element);
    squares += i == j ? square : 2 * square;
  });
  squares = block_sum(squares);
  const double n = kernels.size();
  if (threadIdx.x == 0) {
    kernels.op.entropies.data[blockIdx.x] = bounded_entropy(collision_entropy(squares, n), n);
    kernels.op.kept.data[blockIdx.x] = n;
  }
}

// The entropy of a tridiagonal matrix, which is overwritten; NaN where RenyiLimits require eigenvalues. Each
// thread has one shift; two more threads check the limits.
template <class T>
__device__ double entropy_by_quadrature(const RenyiQuadrature& quadrature, const Work<T>& work) {
  using Limits = RenyiLimits<T>;
  __shared__ double traces[RenyiQuadrature::kMostNodes + 2];
  const int thread = static_cast<int>(threadIdx.x);
  TridiagonalMoments moments{0, 0};
  for (int i = thread; i < work.n; i += static_cast<int>(kThreads)) {
    moments.add(work.diagonal[i], i > 0 ? work.couplings[i] : 0);
  }
  moments = {block_sum(moments.trace), block_sum(moments.square)};
  const double scale = moments.scale();
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
  return refused ? kNan : quadrature.entropy(moments, traces);
}

template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce<T>)
    find_entropies_by_quadrature(Kernels<T> kernels, RenyiQuadrature quadrature, Places<T> places) {
  const View<double, 1>& entropies = kernels.op.entropies;
  const Work<T> work = places.work(kernels.size());
  // The reductions of a set order what its threads access before what they write for the next set.
  for (Index set = blockIdx.x; set < entropies.shape[0]; set += gridDim.x) {
    double entropy = 0;
    if (kernels.fill(set, work)) {
      tridiagonalize(work);
      entropy = entropy_by_quadrature(quadrature, work);
    }
    if (threadIdx.x == 0) {
      entropies.data[set] = bounded_entropy(entropy, work.n);
      kernels.op.kept.data[set] = work.n;
    }
  }
}

// In float64: below alpha = 1 the power magnifies the rounding errors of small eigenvalues; above 2 it
// magnifies that of the largest one. Computes the entropies of all sets, or of those whose entropy is NaN
// until now.
template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce<double>)
    find_entropies_by_eigenvalues(Kernels<T> kernels, bool all, Places<double> places) {
  const View<double, 1>& entropies = kernels.op.entropies;
  const Work<double> work = places.work(kernels.size());
  // The reductions of a set order what its threads access before what they write for the next set.
  for (Index set = blockIdx.x; set < entropies.shape[0]; set += gridDim.x) {
    if (!all && entropies.data[set] == entropies.data[set]) continue;
    double entropy = 0;
    double kept = 1;
    if (kernels.fill(set, work)) {
      tridiagonalize(work);
      bisect(work);
      RenyiSum renyi(kernels.op.alpha, work.values[work.n - 1], work.n);
      for (int i = static_cast<int>(threadIdx.x); i < work.n; i += static_cast<int>(kThreads)) {
        renyi.add(work.values[i]);
      }
      renyi.total = block_sum(renyi.total);
      kept = block_sum(renyi.kept);
      double sum = 0;
      for (int i = static_cast<int>(threadIdx.x); i < work.n; i += static_cast<int>(kThreads)) {
        sum += renyi.term(work.values[i]);
      }
      entropy = renyi.entropy(block_sum(sum));
    }
    if (threadIdx.x == 0) {
      entropies.data[set] = bounded_entropy(entropy, work.n);
      if (kernels.op.alpha < 1) kernels.op.kept.data[set] = kept;
    }
  }
}

template <class T>
void launch_by_eigenvalues(const RenyiEntropies<T>& op, bool all, Stream stream) {
  Places<double> places(op.sets(), op.size());
  places.take(op.workspace);
  launch("renyi_entropies by eigenvalues", find_entropies_by_eigenvalues<T>, {places.blocks}, kThreads,
         places.shared, stream, Kernels<T>{op}, all, places);
}

template <class T>
void launch_entropies(const RenyiEntropies<T>& op, Stream stream) {
  if (op.alpha == 2) {
    require_at_most(op.sets(), kMaxBlocks, "starts: sets");
    launch("renyi_entropies of order 2", find_collision_entropies<T>, {op.sets()}, kThreads, 0, stream,
           Kernels<T>{op});
  } else if (op.alpha >= 1 && op.alpha < 2) {
    Places<T> places(op.sets(), op.size());
    places.take(op.workspace);
    const RenyiQuadrature quadrature(op.alpha, op.size(), RenyiLimits<T>::tolerance);
    launch("renyi_entropies", find_entropies_by_quadrature<T>, {places.blocks}, kThreads, places.shared,
           stream, Kernels<T>{op}, quadrature, places);
    launch_by_eigenvalues(op, false, stream);
  } else {
    launch_by_eigenvalues(op, true, stream);
  }
}

}  // namespace

template <>
void run(const RenyiEntropies<float>& op, Stream stream) {
  launch_entropies(op, stream);
}
template <>
void run(const RenyiEntropies<double>& op, Stream stream) {
  launch_entropies(op, stream);
}

}  // namespace bitlens::cuda
