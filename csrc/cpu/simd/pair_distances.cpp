// The loops over all pairs of two runs of points.
#include "cpu/simd/pair_distances.hpp"

#include "cpu/simd/vectors.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

using Doubles = Vector<double>;

// Every lane of a pair sums its own values, and the lanes are added in order.
BITLENS_ALWAYS_INLINE void block(const double* x, const double* y, Index length, Index columns, double* out) {
  double lanes[kRowsTogether][kColumnsTogether][kPointLanes];
  for (Index part = 0; part < kPointLanes; part += kWidth<double>) {
    Doubles sums[kRowsTogether][kColumnsTogether] = {};
    for (Index d = part; d < length; d += kPointLanes) {
      Doubles columns_at[kColumnsTogether];
      for (Index c = 0; c < kColumnsTogether; ++c) columns_at[c] = load(y + c * length + d);
      for (Index r = 0; r < kRowsTogether; ++r) {
        const Doubles row = load(x + r * length + d);
        for (Index c = 0; c < kColumnsTogether; ++c) {
          const Doubles difference = row - columns_at[c];
          sums[r][c] += difference * difference;
        }
      }
    }
    for (Index r = 0; r < kRowsTogether; ++r) {
      for (Index c = 0; c < kColumnsTogether; ++c)
        __builtin_memcpy(lanes[r][c] + part, &sums[r][c], sizeof(Doubles));
    }
  }
  for (Index r = 0; r < kRowsTogether; ++r) {
    for (Index c = 0; c < kColumnsTogether; ++c) {
      double sum = 0;
      for (Index l = 0; l < kPointLanes; ++l) sum += lanes[r][c][l];
      out[r * columns + c] = sum;
    }
  }
}

void squared_distances(const double* x, Index rows, const double* y, Index columns, Index length,
                       double* out) {
  for (Index r = 0; r < rows; r += kRowsTogether) {
    for (Index c = 0; c < columns; c += kColumnsTogether) {
      block(x + r * length, y + c * length, length, columns, out + r * columns + c);
    }
  }
}

}  // namespace

const PairLoops pair_loops = {squared_distances};

}  // namespace bitlens::cpu::BITLENS_ISA
