// Squared distances of all sample pairs of every channel; one tile of pairs for each block.
#pragma once

#include "core/check.hpp"
#include "cuda/launch.cuh"

namespace bitlens::cuda {

// The samples of a tile's rows and columns, and the number of their values in shared memory at a time.
inline constexpr int kTileSide = 32;
inline constexpr int kTileThreadRows = 8;  // a thread has one column of the tile, and every eighth row
inline constexpr int kPairsEach = kTileSide / kTileThreadRows;
inline constexpr unsigned kTileThreads = kTileSide * kTileThreadRows;
inline constexpr unsigned kTilesAtOnce = 3;  // on a multiprocessor: leaves a thread 80 registers

// The pairs of a tile that a thread has.
struct PairTile {
  Index channel, n;
  Index i, j;  // the first pair
  double squared[kPairsEach];

  // Calls body(i, j, squared distance) for the pairs i < j.
  template <class Body>
  __device__ void for_each_pair(Body&& body) const {
#pragma unroll
    for (int p = 0; p < kPairsEach; ++p) {
      const Index row = i + p * kTileThreadRows;
      if (row < j && j < n) body(row, j, squared[p]);
    }
  }
};

// finish(tile) is called by all threads; blocks below the diagonal have no pairs.
template <class T, class Finish>
__global__ void __launch_bounds__(kTileThreads, kTilesAtOnce)
    measure_tiles(View<const T, 3> maps, Finish finish) {
  if (blockIdx.x < blockIdx.y) return;
  __shared__ double rows[kTileSide][kTileSide + 1];  // each value is converted once, not once a pair
  __shared__ double columns[kTileSide][kTileSide + 1];
  const int lane = static_cast<int>(threadIdx.x % kTileSide);
  const int row = static_cast<int>(threadIdx.x / kTileSide);
  const Index n = maps.shape[0];
  const Index length = maps.shape[2];
  const Index first_row = static_cast<Index>(blockIdx.y) * kTileSide;
  const Index first_column = static_cast<Index>(blockIdx.x) * kTileSide;
  for (Index channel = blockIdx.z; channel < maps.shape[1]; channel += gridDim.z) {
    PairTile tile{channel, n, first_row + row, first_column + lane, {}};
    for (Index start = 0; start < length; start += kTileSide) {
      const bool inside = start + lane < length;
      for (int r = row; r < kTileSide; r += kTileThreadRows) {
        rows[r][lane] = inside && first_row + r < n ? maps.row(first_row + r, channel)[start + lane] : 0.0;
        columns[r][lane] =
            inside && first_column + r < n ? maps.row(first_column + r, channel)[start + lane] : 0.0;
      }
      __syncthreads();
      for (int v = 0; v < kTileSide; ++v) {
        const double column = columns[lane][v];
#pragma unroll
        for (int p = 0; p < kPairsEach; ++p) {
          const double difference = rows[row + p * kTileThreadRows][v] - column;
          tile.squared[p] = fma(difference, difference, tile.squared[p]);
        }
      }
      __syncthreads();
    }
    finish(tile);
  }
}

template <class T, class Finish>
void launch_tiles(const char* name, View<const T, 3> maps, Finish finish, Stream stream) {
  require_at_most(maps.shape[0], kMaxLayers * kTileSide, "maps: samples");
  const Index tiles = ceil_div(maps.shape[0], kTileSide);
  launch(name, measure_tiles<T, Finish>, {tiles, tiles, std::min(maps.shape[1], kMaxLayers)}, kTileThreads, 0,
         stream, maps, finish);
}

}  // namespace bitlens::cuda
