// Joint counts of code pairs, kept or reduced to entropies at once: a block counts one channel of a with a
// few of b in shared memory. Counts are integers, so the order of the atomic additions does not show.
#include <algorithm>

#include "core/numerics.hpp"
#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {
namespace {

using Codes = View<const std::uint8_t, 2>;

constexpr int kSharedCells =
    11 * 1024;  // 44 KB: what a block may have on every GPU, less what reductions need
constexpr int kMaxChannels = 8;

// How many of a's codes, and of b's channels, are counted at a time: all codes, unless their table is too
// large.
struct Portion {
  int codes;
  int channels;

  explicit Portion(int bins)
      : codes(std::min(bins, kSharedCells / bins)),
        channels(codes < bins ? 1 : std::min(kMaxChannels, kSharedCells / (bins * bins))) {}
};

__device__ double sum_xlog2x(const int* counts, int size) {
  double sum = 0;
  for (int c = static_cast<int>(threadIdx.x); c < size; c += kThreads) sum += xlog2x(counts[c]);
  return block_sum(sum);
}

// What was counted for channel i of a and channel j of b: codes of a from `first` on.
struct Counted {
  Index i, j;
  const int* counts;
  int first, codes, bins;
};

struct KeepCounts {
  View<Index, 3> out;

  __device__ void operator()(const Counted& counted) const {
    Index* table = out.row(counted.i, counted.j) + counted.first * counted.bins;
    const int size = counted.codes * counted.bins;
    for (int c = static_cast<int>(threadIdx.x); c < size; c += kThreads) table[c] = counted.counts[c];
  }
};

struct KeepEntropies {
  View<double, 2> joint;
  double total;

  __device__ void operator()(const Counted& counted) const {
    const double sum = sum_xlog2x(counted.counts, counted.codes * counted.bins);
    if (threadIdx.x != 0) return;
    double& kept = joint.row(counted.i)[counted.j];
    const double so_far = counted.first == 0 ? sum : kept + sum;
    kept = counted.first + counted.codes == counted.bins ? entropy_of_sums(total, so_far) : so_far;
  }
};

template <class Keep>
__global__ void __launch_bounds__(kThreads) count(Codes a, Codes b, int bins, Portion portion, Keep keep) {
  int* counts = dynamic_shared<int>();
  const int cells = portion.codes * bins;
  const Index pairs = a.shape[1];
  const Index first_channel = static_cast<Index>(blockIdx.x) * portion.channels;
  const Index left = b.shape[0] - first_channel;
  const int channels = left < portion.channels ? static_cast<int>(left) : portion.channels;
  for (Index i = blockIdx.y; i < a.shape[0]; i += gridDim.y) {
    for (int first = 0; first < bins; first += portion.codes) {
      const int codes = min(portion.codes, bins - first);
      for (int c = static_cast<int>(threadIdx.x); c < channels * cells; c += kThreads) counts[c] = 0;
      __syncthreads();
      for (Index p = threadIdx.x; p < pairs; p += kThreads) {
        const int code = a.row(i)[p] - first;
        if (code < 0 || code >= codes) continue;
        for (int c = 0; c < channels; ++c) {
          const int other = b.row(first_channel + c)[p];
          if (other < bins) atomicAdd(&counts[c * cells + code * bins + other], 1);
        }
      }
      __syncthreads();
      for (int c = 0; c < channels; ++c) {
        keep(Counted{i, first_channel + c, counts + c * cells, first, codes, bins});
      }
      __syncthreads();
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    entropies_of_channels(Codes x, int bins, View<double, 1> entropies) {
  __shared__ int counts[kMaxBins];
  for (Index channel = blockIdx.x; channel < x.shape[0]; channel += gridDim.x) {
    for (int c = static_cast<int>(threadIdx.x); c < bins; c += kThreads) counts[c] = 0;
    __syncthreads();
    for (Index p = threadIdx.x; p < x.shape[1]; p += kThreads) {
      const int code = x.row(channel)[p];
      if (code < bins) atomicAdd(&counts[code], 1);
    }
    __syncthreads();
    const double sum = sum_xlog2x(counts, bins);
    if (threadIdx.x == 0) entropies.data[channel] = entropy_of_sums(static_cast<double>(x.shape[1]), sum);
    __syncthreads();
  }
}

template <class Keep>
void launch_count(const char* name, Codes a, Codes b, Index bins, Keep keep, void* stream) {
  const Portion portion(static_cast<int>(bins));
  const Grid grid{(b.shape[0] + portion.channels - 1) / portion.channels, std::min(a.shape[0], kMaxLayers)};
  const auto shared = sizeof(int) * static_cast<std::size_t>(portion.channels * portion.codes * bins);
  launch(name, count<Keep>, grid, kThreads, shared, stream, a, b, static_cast<int>(bins), portion, keep);
}

void launch_entropies(const char* name, Codes x, Index bins, View<double, 1> entropies, void* stream) {
  launch(name, entropies_of_channels, {std::min(x.shape[0], kMaxBlocks)}, kThreads, 0, stream, x,
         static_cast<int>(bins), entropies);
}

}  // namespace

void joint_counts(Codes a, Codes b, Index bins, View<Index, 3> counts, void* stream) {
  check_joint_counts(a, b, bins, counts);
  launch_count("joint_counts", a, b, bins, KeepCounts{counts}, stream);
}

void code_entropies(Codes a, Codes b, Index bins, View<double, 2> joint, View<double, 1> entropies_a,
                    View<double, 1> entropies_b, void* stream) {
  check_code_entropies(a, b, bins, joint, entropies_a, entropies_b);
  launch_count("code_entropies", a, b, bins, KeepEntropies{joint, static_cast<double>(a.shape[1])}, stream);
  launch_entropies("entropies of a's channels", a, bins, entropies_a, stream);
  launch_entropies("entropies of b's channels", b, bins, entropies_b, stream);
}

}  // namespace bitlens::cuda
