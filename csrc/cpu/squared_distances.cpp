// Squared distances of all sample pairs of every channel, by differences: equal samples have distance 0.
#include <algorithm>
#include <vector>

#include "core/ops/squared_distances.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/pair_distances.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kSide = 32;  // samples of a block of pairs
static_assert(kSide % kRowsTogether == 0 && kSide % kColumnsTogether == 0);

template <class T>
void measure(View<const T, 3> maps, View<double, 3> squares) {
  const Index n = maps.shape[0];
  const Index length = maps.shape[2];
  const Index stride = round_up(length, kPointLanes);
  const Index sides = ceil_div(n, kSide);
  std::vector<double> points(static_cast<std::size_t>(sides * kSide * stride));
  for (Index channel = 0; channel < maps.shape[1]; ++channel) {
    parallel_for(n, [&](Index i) { std::copy_n(maps.row(i, channel), length, points.data() + i * stride); });
    parallel_for(sides, [&](Index side) {
      double block[kSide * kSide];
      const Index first = side * kSide;
      for (Index column = first; column < n; column += kSide) {
        pair_loops().squared_distances(points.data() + first * stride, kSide, points.data() + column * stride,
                                       kSide, stride, block);
        for (Index i = first; i < std::min(n, first + kSide); ++i) {
          for (Index j = std::max(column, i); j < std::min(n, column + kSide); ++j) {
            const double squared = block[(i - first) * kSide + j - column];
            squares.row(channel, i)[j] = squared;
            squares.row(channel, j)[i] = squared;
          }
        }
      }
    });
  }
}

}  // namespace

template <>
void run(const SquaredDistances<float>& op) {
  measure(op.maps, op.squares);
}
template <>
void run(const SquaredDistances<double>& op) {
  measure(op.maps, op.squares);
}

}  // namespace bitlens::cpu
