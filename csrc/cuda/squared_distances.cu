// Squared distances of all sample pairs of every channel, by differences: equal samples have distance 0.
#include "core/operands.hpp"
#include "core/ops.hpp"
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

template <class T>
void squared_distances(View<const T, 3> maps, View<double, 3> squares, void* stream) {
  check_squared_distances(maps, squares);
  launch_tiles("squared_distances", maps, WriteSquares{squares}, stream);
}

template void squared_distances(View<const float, 3>, View<double, 3>, void*);
template void squared_distances(View<const double, 3>, View<double, 3>, void*);

}  // namespace bitlens::cuda
