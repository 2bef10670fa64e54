// Distances of all sample pairs of a channel, as one-byte bin codes. They are measured twice, for the range
// and for the codes, so that none is ever stored.
#include "core/numerics.hpp"
#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cuda/pair_tiles.cuh"

namespace bitlens::cuda {
namespace {

// Doubles that are not negative are ordered as the integers of their bits.
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

// The range of a channel.
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
      out[i * (2 * tile.n - i - 1) / 2 + j - i - 1] = static_cast<std::uint8_t>(scheme.index(sqrt(squared)));
    });
  }
};

}  // namespace

template <class T>
void distance_codes(View<const T, 3> maps, Index bins, View<std::uint8_t, 2> codes, View<double, 2> ranges,
                    void* stream) {
  check_distance_codes(maps, bins, codes, ranges);
  const Index channels = maps.shape[1];
  launch("start of distance ranges", start_ranges, {(channels + kTileThreads - 1) / kTileThreads},
         kTileThreads, 0, stream, ranges);
  launch_tiles("distance ranges", maps, WidenRange{ranges}, stream);
  const View<const double, 2> found{ranges.data, {channels, 2}, {ranges.stride[0], 1}};
  launch_tiles("distance_codes", maps, WriteCodes{found, bins, codes}, stream);
}

template void distance_codes(View<const float, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*);
template void distance_codes(View<const double, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*);

}  // namespace bitlens::cuda
