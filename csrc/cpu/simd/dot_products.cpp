// The inner loop of a matrix product, on operands that are in memory in the order in which it reads them.
#include "cpu/simd/dot_products.hpp"

#include "cpu/simd/vectors.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

using Floats = Vector<float>;

constexpr Index kPanel = kCpu.panel;

// A block's sums stay in registers: 8 x 3 of 32, or 4 x 3 of 16. Three more registers hold values of columns.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr Index kRows = 8;
#else
constexpr Index kRows = 4;
#endif
constexpr Index kVectors = 3;
constexpr Index kColumns = kVectors * kWidth<float>;
static_assert(kPanel % kRows == 0 && kPanel % kColumns == 0);

BITLENS_ALWAYS_INLINE void block(const float* rows, const float* columns, Index length, float* out,
                                 Index stride, bool add) {
  Floats sums[kRows][kVectors] = {};
  for (Index d = 0; d < length; ++d) {
    Floats values[kVectors];
    for (Index v = 0; v < kVectors; ++v) values[v] = load(columns + d * kPanel + v * kWidth<float>);
    for (Index r = 0; r < kRows; ++r) {
      for (Index v = 0; v < kVectors; ++v) sums[r][v] += rows[d * kPanel + r] * values[v];
    }
  }
  for (Index r = 0; r < kRows; ++r) {
    for (Index v = 0; v < kVectors; ++v) {
      float* to = out + r * stride + v * kWidth<float>;
      store(to, add ? load(to) + sums[r][v] : sums[r][v]);
    }
  }
}

void multiply(const float* rows, const float* columns, Index length, float* out, Index stride, bool add) {
  for (Index r = 0; r < kPanel; r += kRows) {
    for (Index c = 0; c < kPanel; c += kColumns) {
      block(rows + r, columns + c, length, out + r * stride + c, stride, add);
    }
  }
}

}  // namespace

const ProductLoops product_loops = {multiply};

}  // namespace bitlens::cpu::BITLENS_ISA
