// Joint counts of code pairs, stored or reduced to entropies: a block counts one channel of a with a few of b
// in shared memory. Counts are integers, so the result does not depend on the order of the atomic additions.
#include <algorithm>

#include "core/numerics.hpp"
#include "core/ops/joint_counts.hpp"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {
namespace {

using Codes = View<const std::uint8_t, 2>;

// 44 KB: the shared memory that a block may have on every GPU, less the memory of reductions.
constexpr int kSharedCells = 11 * 1024;
constexpr int kMaxChannels = 8;

// How many of a's codes and of b's channels are counted at a time: all codes, unless their table is too
// large. The counts of a code of a begin an odd number of places after those of the code before: otherwise
// counts of equal codes of b would be in the same bank of the shared memory.
struct Portion {
  int width;  // of the counts of one code of a: b's codes, and one cell that stays 0 if these are even
  int codes;
  int channels;

  explicit Portion(int bins)
      : width(bins | 1),
        codes(std::min(bins, kSharedCells / width)),
        channels(codes < bins ? 1 : std::min(kMaxChannels, kSharedCells / (bins * width))) {}
};

// Codes of adjacent sample pairs that a thread loads at once.
constexpr int kPack = 4;
struct alignas(kPack) Pack {
  std::uint8_t at[kPack];
};

bool rows_are_aligned(Codes codes) {
  return reinterpret_cast<std::uintptr_t>(codes.data) % kPack == 0 && codes.stride[0] % kPack == 0;
}

// c log2 c of small counts c, which most counts are.
struct Logarithms {
  double at[kThreads];

  // The next barrier orders it before its use.
  __device__ void fill() { at[threadIdx.x] = xlog2x(threadIdx.x); }
  __device__ double of(int count) const {
    return count < static_cast<int>(kThreads) ? at[count] : xlog2x(count);
  }
};

__device__ double sum_xlog2x(const int* counts, int size, const Logarithms& logarithms) {
  double sum = 0;
  for (int c = static_cast<int>(threadIdx.x); c < size; c += kThreads) sum += logarithms.of(counts[c]);
  return block_sum(sum);
}

// The counts of channel i of a and channel j of b, for codes of a from `first` on.
struct Counted {
  Index i, j;
  const int* counts;  // [codes, width]
  int first, codes, width, bins;
  const Logarithms& logarithms;
};

struct StoreCounts {
  View<Index, 3> out;

  __device__ void operator()(const Counted& counted) const {
    Index* table = out.row(counted.i, counted.j) + counted.first * counted.bins;
    const int size = counted.codes * counted.bins;
    for (int c = static_cast<int>(threadIdx.x); c < size; c += kThreads) {
      table[c] = counted.counts[c / counted.bins * counted.width + c % counted.bins];
    }
  }
};

struct StoreEntropies {
  View<double, 2> joint;
  double total;

  __device__ void operator()(const Counted& counted) const {
    const double sum = sum_xlog2x(counted.counts, counted.codes * counted.width, counted.logarithms);
    if (threadIdx.x != 0) return;
    double& entropy = joint.row(counted.i)[counted.j];  // until the last codes: the sum
    const double so_far = counted.first == 0 ? sum : entropy + sum;
    entropy = counted.first + counted.codes == counted.bins ? entropy_of_sums(total, so_far) : so_far;
  }
};

template <class StoreResult>
__global__ void __launch_bounds__(kThreads)
    count(Codes a, Codes b, int bins, Index in_packs, Portion portion, StoreResult store) {
  __shared__ Logarithms logarithms;
  logarithms.fill();
  int* counts = dynamic_shared<int>();
  const int width = portion.width;
  const int cells = portion.codes * width;
  const Index pairs = a.shape[1];
  const Index first_channel = static_cast<Index>(blockIdx.x) * portion.channels;
  const Index left = b.shape[0] - first_channel;
  const int channels = left < portion.channels ? static_cast<int>(left) : portion.channels;
  for (Index i = blockIdx.y; i < a.shape[0]; i += gridDim.y) {
    for (int first = 0; first < bins; first += portion.codes) {
      const int codes = min(portion.codes, bins - first);
      for (int c = static_cast<int>(threadIdx.x); c < channels * cells; c += kThreads) counts[c] = 0;
      __syncthreads();
      const auto add = [&](int c, int code, int other) {
        if (code < 0 || code >= codes || other >= bins) return;
        atomicAdd(&counts[c * cells + code * width + other], 1);
      };
      for (Index p = threadIdx.x * kPack; p < in_packs; p += kThreads * kPack) {
        const Pack of_a = *reinterpret_cast<const Pack*>(a.row(i) + p);
        for (int c = 0; c < channels; ++c) {
          const Pack of_b = *reinterpret_cast<const Pack*>(b.row(first_channel + c) + p);
#pragma unroll
          for (int q = 0; q < kPack; ++q) add(c, of_a.at[q] - first, of_b.at[q]);
        }
      }
      for (Index p = in_packs + threadIdx.x; p < pairs; p += kThreads) {
        for (int c = 0; c < channels; ++c) add(c, a.row(i)[p] - first, b.row(first_channel + c)[p]);
      }
      __syncthreads();
      for (int c = 0; c < channels; ++c) {
        store(Counted{i, first_channel + c, counts + c * cells, first, codes, width, bins, logarithms});
      }
      __syncthreads();
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    entropies_of_channels(Codes x, int bins, View<double, 1> entropies) {
  __shared__ int counts[kMaxBins];
  __shared__ Logarithms logarithms;
  logarithms.fill();
  for (Index channel = blockIdx.x; channel < x.shape[0]; channel += gridDim.x) {
    for (int c = static_cast<int>(threadIdx.x); c < bins; c += kThreads) counts[c] = 0;
    __syncthreads();
    for (Index p = threadIdx.x; p < x.shape[1]; p += kThreads) {
      const int code = x.row(channel)[p];
      if (code < bins) atomicAdd(&counts[code], 1);
    }
    __syncthreads();
    const double sum = sum_xlog2x(counts, bins, logarithms);
    if (threadIdx.x == 0) entropies.data[channel] = entropy_of_sums(static_cast<double>(x.shape[1]), sum);
  }
}

template <class StoreResult>
void launch_count(const char* name, const CodePairs& pairs, StoreResult store, Stream stream) {
  const auto& [a, b, bins] = pairs;
  const Portion portion(static_cast<int>(bins));
  const Index in_packs = rows_are_aligned(a) && rows_are_aligned(b) ? a.shape[1] / kPack * kPack : 0;
  const Grid grid{ceil_div(b.shape[0], portion.channels), std::min(a.shape[0], kMaxLayers)};
  const auto shared =
      sizeof(int) * static_cast<std::size_t>(portion.channels * portion.codes * portion.width);
  launch(name, count<StoreResult>, grid, kThreads, shared, stream, a, b, static_cast<int>(bins), in_packs,
         portion, store);
}

void launch_entropies(const char* name, Codes x, Index bins, View<double, 1> entropies, Stream stream) {
  launch(name, entropies_of_channels, {std::min(x.shape[0], kMaxBlocks)}, kThreads, 0, stream, x,
         static_cast<int>(bins), entropies);
}

}  // namespace

template <>
void run(const JointCounts& op, Stream stream) {
  launch_count("joint_counts", op.codes, StoreCounts{op.counts}, stream);
}

template <>
void run(const CodeEntropies& op, Stream stream) {
  const auto& [a, b, bins] = op.codes;
  launch_count("code_entropies", op.codes, StoreEntropies{op.joint, static_cast<double>(a.shape[1])}, stream);
  launch_entropies("entropies of a's channels", a, bins, op.entropies_a, stream);
  launch_entropies("entropies of b's channels", b, bins, op.entropies_b, stream);
}

}  // namespace bitlens::cuda
