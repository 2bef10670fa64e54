// Distances of all sample pairs of a channel, as one-byte bin codes. Distances are computed twice, for the
// range and for the codes, and never stored.
#include "core/numerics.hpp"
#include "core/ops/distance_codes.hpp"
#include "cuda/pair_tiles.cuh"

namespace bitlens::cuda {
namespace {

// The bits of doubles that are not negative have the same order as the doubles.
using OrderedBits = unsigned long long;
__device__ OrderedBits ordered_bits(double value) { return __builtin_bit_cast(OrderedBits, value); }

__global__ void start_ranges(View<double, 2> ranges) {
  const Index channel = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (channel >= ranges.shape[0]) return;
  ranges.row(channel)[0] = HUGE_VAL;
  ranges.row(channel)[1] = 0;
}

__device__ void widen(double* range, double low, double high) {
  for (int lane = kTileSide / 2; lane > 0; lane /= 2) {
    low = fmin(low, __shfl_down_sync(~0U, low, lane));
    high = fmax(high, __shfl_down_sync(~0U, high, lane));
  }
  if (threadIdx.x % kTileSide != 0) return;
  atomicMin(reinterpret_cast<OrderedBits*>(range), ordered_bits(low));
  atomicMax(reinterpret_cast<OrderedBits*>(range + 1), ordered_bits(high));
}

// Computes the range of a channel.
struct WidenRange {
  View<double, 2> ranges;

  __device__ void operator()(const PairTile& tile) const {
    double low = HUGE_VAL;
    double high = 0;
    tile.for_each_pair([&](Index, Index, double squared) {
      const double distance = sqrt(squared);
      low = fmin(low, distance);
      high = fmax(high, distance);
    });
    widen(ranges.row(tile.channel), low, high);
  }
};

struct WriteCodes {
  View<const double, 2> ranges;
  Index bins;
  View<std::uint8_t, 2> codes;

  __device__ void operator()(const PairTile& tile) const {
    const double* range = ranges.row(tile.channel);
    const Bins scheme(range[0], range[1], static_cast<int>(bins));
    std::uint8_t* out = codes.row(tile.channel);
    tile.for_each_pair([&](Index i, Index j, double squared) {
      out[pair_index(tile.n, i, j)] = static_cast<std::uint8_t>(scheme.index(sqrt(squared)));
    });
  }
};

template <class T>
void find_codes(const DistanceCodes<T>& op, Stream stream) {
  const auto& [maps, bins, codes, ranges] = op;
  const Index channels = maps.shape[1];
  launch("start of distance ranges", start_ranges, {ceil_div(channels, kTileThreads)}, kTileThreads, 0,
         stream, ranges);
  launch_tiles("distance ranges", maps, WidenRange{ranges}, stream);
  const View<const double, 2> measured{ranges.data, {channels, 2}, {ranges.stride[0], 1}};
  launch_tiles("distance_codes", maps, WriteCodes{measured, bins, codes}, stream);
}

}  // namespace

template <>
void run(const DistanceCodes<float>& op, Stream stream) {
  find_codes(op, stream);
}
template <>
void run(const DistanceCodes<double>& op, Stream stream) {
  find_codes(op, stream);
}

}  // namespace bitlens::cuda
