// Squared distances of all sample pairs of every channel, by differences: equal samples have distance 0.
#include "core/ops/squared_distances.hpp"
#include "cuda/pair_tiles.cuh"

namespace bitlens::cuda {
namespace {

struct WriteSquares {
  View<double, 3> squares;

  __device__ void operator()(const PairTile& tile) const {
    tile.for_each_pair([&](Index i, Index j, double squared) {
      squares.row(tile.channel, i)[j] = squared;
      squares.row(tile.channel, j)[i] = squared;
    });
    for (int p = 0; p < kPairsEach; ++p) {
      const Index i = tile.i + p * kTileThreadRows;
      if (i == tile.j && i < tile.n) squares.row(tile.channel, i)[i] = 0;
    }
  }
};

}  // namespace

template <>
void run(const SquaredDistances<float>& op, Stream stream) {
  launch_tiles("squared_distances", op.maps, WriteSquares{op.squares}, stream);
}
template <>
void run(const SquaredDistances<double>& op, Stream stream) {
  launch_tiles("squared_distances", op.maps, WriteSquares{op.squares}, stream);
}

}  // namespace bitlens::cuda
