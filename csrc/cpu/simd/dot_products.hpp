// Dot products between panels of samples, as fast as the registers can be fed.
#pragma once

#include "core/ops.hpp"
#include "core/view.hpp"
#include "cpu/simd/level.hpp"

namespace bitlens::cpu {

struct ProductLoops {
  // out[r * stride + c] = sum over d of rows[d * kPanel + r] columns[d * kPanel + c] for r, c < kPanel; added
  // to what is there, or instead of it.
  void (*multiply)(const float* rows, const float* columns, Index length, float* out, Index stride, bool add);
};
BITLENS_LOOPS(ProductLoops, product_loops)

}  // namespace bitlens::cpu
