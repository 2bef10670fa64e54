// Distances of all sample pairs of a channel, as one-byte bin codes. They are measured twice, for the range
// and for the codes, so that none is ever stored.
#include "core/numerics.hpp"
#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cuda/launch.cuh"

namespace bitlens::cuda {
namespace {

constexpr int kSide = 32;       // samples of a tile's rows and columns, and values of theirs at a time
constexpr int kThreadRows = 8;  // a thread has one column of the tile, and every eighth row
constexpr int kPairsEach = kSide / kThreadRows;
constexpr unsigned kThreads = kSide * kThreadRows;

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
  for (int lane = kSide / 2; lane > 0; lane /= 2) {
    low = fmin(low, __shfl_down_sync(~0U, low, lane));
    high = fmax(high, __shfl_down_sync(~0U, high, lane));
  }
  if (threadIdx.x % kSide != 0) return;
  atomicMin(reinterpret_cast<OrderedBits*>(range), ordered_bits(low));
  atomicMax(reinterpret_cast<OrderedBits*>(range + 1), ordered_bits(high));
}

// One tile of pairs a block; blocks below the diagonal have none.
template <class T, bool kToCodes>
__global__ void __launch_bounds__(kThreads)
    measure(View<const T, 3> maps, Index bins, View<std::uint8_t, 2> codes, View<double, 2> ranges) {
  if (blockIdx.x < blockIdx.y) return;
  __shared__ T rows[kSide][kSide + 1];
  __shared__ T columns[kSide][kSide + 1];
  const int lane = static_cast<int>(threadIdx.x % kSide);
  const int row = static_cast<int>(threadIdx.x / kSide);
  const Index n = maps.shape[0];
  const Index length = maps.shape[2];
  const Index first_row = static_cast<Index>(blockIdx.y) * kSide;
  const Index first_column = static_cast<Index>(blockIdx.x) * kSide;
  for (Index channel = blockIdx.z; channel < maps.shape[1]; channel += gridDim.z) {
    double sums[kPairsEach] = {};
    for (Index start = 0; start < length; start += kSide) {
      const bool inside = start + lane < length;
      for (int r = row; r < kSide; r += kThreadRows) {
        rows[r][lane] = inside && first_row + r < n ? maps.row(first_row + r, channel)[start + lane] : T{0};
        columns[r][lane] =
            inside && first_column + r < n ? maps.row(first_column + r, channel)[start + lane] : T{0};
      }
      __syncthreads();
      for (int v = 0; v < kSide; ++v) {
        const double column = columns[lane][v];
        for (int p = 0; p < kPairsEach; ++p) {
          const double difference = static_cast<double>(rows[row + p * kThreadRows][v]) - column;
          sums[p] = fma(difference, difference, sums[p]);
        }
      }
      __syncthreads();
    }

    const Index j = first_column + lane;
    if constexpr (kToCodes) {
      const Bins scheme(ranges.row(channel)[0], ranges.row(channel)[1], static_cast<int>(bins));
      for (int p = 0; p < kPairsEach; ++p) {
        const Index i = first_row + row + p * kThreadRows;
        if (i >= j || j >= n) continue;
        codes.row(channel)[i * (2 * n - i - 1) / 2 + j - i - 1] =
            static_cast<std::uint8_t>(scheme.index(sqrt(sums[p])));
      }
    } else {
      double low = HUGE_VAL;
      double high = 0;
      for (int p = 0; p < kPairsEach; ++p) {
        const Index i = first_row + row + p * kThreadRows;
        if (i >= j || j >= n) continue;
        const double distance = sqrt(sums[p]);
        low = fmin(low, distance);
        high = fmax(high, distance);
      }
      widen(ranges.row(channel), low, high);
    }
  }
}

}  // namespace

template <class T>
void distance_codes(View<const T, 3> maps, Index bins, View<std::uint8_t, 2> codes, View<double, 2> ranges,
                    void* stream) {
  check_distance_codes(maps, bins, codes, ranges);
  const Index channels = maps.shape[1];
  const Index tiles = (maps.shape[0] + kSide - 1) / kSide;
  require(tiles <= kMaxLayers, "maps: more than 2 million samples");
  const Grid grid{tiles, tiles, std::min(channels, kMaxLayers)};
  launch("start of distance ranges", start_ranges, {(channels + kThreads - 1) / kThreads}, kThreads, 0,
         stream, ranges);
  launch("distance ranges", measure<T, false>, grid, kThreads, 0, stream, maps, bins, codes, ranges);
  launch("distance_codes", measure<T, true>, grid, kThreads, 0, stream, maps, bins, codes, ranges);
}

template void distance_codes(View<const float, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*);
template void distance_codes(View<const double, 3>, Index, View<std::uint8_t, 2>, View<double, 2>, void*);

}  // namespace bitlens::cuda
