// Dot products between panels of samples.
#pragma once

#include "core/backends.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

struct ProductLoops {
  // out[r * stride + c] = sum over d of rows[d * panel + r] columns[d * panel + c] for r, c < panel. If `add`
  // is set, the sum is added to out instead.
  void (*multiply)(const float* rows, const float* columns, Index length, float* out, Index stride, bool add);
};
BITLENS_LOOPS(ProductLoops, product_loops)

}  // namespace bitlens::cpu
