// Distances of all sample pairs of a channel, as one-byte bin codes. A first pass computes distances and
// their range. They are kept for the second pass where the caller has memory for them, and else computed
// again.
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

// Computes the range of a channel, and keeps the distances if there is a place for them.
struct WidenRange {
  View<double, 2> ranges;
  View<double, 2> kept;  // [channels or 0, pairs]

  __device__ void operator()(const PairTile& tile) const {
    double low = HUGE_VAL;
    double high = 0;
    double* out = kept.shape[0] > 0 ? kept.row(tile.channel) : nullptr;
    tile.for_each_pair([&](Index i, Index j, double squared) {
      const double distance = sqrt(squared);
      if (out) out[pair_index(tile.n, i, j)] = distance;
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

__global__ void __launch_bounds__(kTileThreads)
    code_distances(View<const double, 2> distances, View<const double, 2> ranges, Index bins,
                   View<std::uint8_t, 2> codes) {
  const Index channel = blockIdx.y;
  const double* range = ranges.row(channel);
  const Bins scheme(range[0], range[1], static_cast<int>(bins));
  const Index step = static_cast<Index>(gridDim.x) * kTileThreads;
  for (Index p = static_cast<Index>(blockIdx.x) * kTileThreads + threadIdx.x; p < codes.shape[1]; p += step) {
    codes.row(channel)[p] = static_cast<std::uint8_t>(scheme.index(distances.row(channel)[p]));
  }
}

// `count` channels of a view, whose axis of channels is `axis`.
template <class T, int Rank>
View<T, Rank> channels_of(View<T, Rank> view, int axis, Index first, Index count) {
  view.data += first * view.stride[axis];
  view.shape[axis] = count;
  return view;
}

View<const double, 2> as_input(const View<double, 2>& view) {
  return {view.data, {view.shape[0], view.shape[1]}, {view.stride[0], view.stride[1]}};
}

template <class T>
void find_codes(const DistanceCodes<T>& op, Stream stream) {
  const Index channels = op.maps.shape[1];
  const Index kept = std::min(op.workspace.shape[0], kMaxLayers);
  launch("start of distance ranges", start_ranges, {ceil_div(channels, kTileThreads)}, kTileThreads, 0,
         stream, op.ranges);
  const Index at_once = kept > 0 ? kept : channels;
  for (Index first = 0; first < channels; first += at_once) {
    const Index count = std::min(at_once, channels - first);
    const View<const T, 3> maps = channels_of(op.maps, 1, first, count);
    const View<double, 2> ranges = channels_of(op.ranges, 0, first, count);
    const View<std::uint8_t, 2> codes = channels_of(op.codes, 0, first, count);
    launch_tiles("distance ranges", maps, WidenRange{ranges, op.workspace}, stream);
    if (kept > 0) {
      const Grid grid{std::min(ceil_div(codes.shape[1], kTileThreads), kMaxLayers), count};
      launch("distance_codes", code_distances, grid, kTileThreads, 0, stream, as_input(op.workspace),
             as_input(ranges), op.bins, codes);
    } else {
      launch_tiles("distance_codes", maps, WriteCodes{as_input(ranges), op.bins, codes}, stream);
    }
  }
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
