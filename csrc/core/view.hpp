// Views of arrays that somebody else owns. Kernels take views only, so they depend on no array library and
// own no operand.
#pragma once

#include <cstdint>

// The arithmetic in core/ is compiled by the host compiler for several instruction sets, and by nvcc. On the
// host it is always inlined: otherwise the linker could keep a copy that was compiled for an instruction set
// that the machine lacks.
#ifdef __CUDACC__
#define BITLENS_HD __host__ __device__
#else
#define BITLENS_HD [[gnu::always_inline]]
#endif

namespace bitlens {

// Sizes and offsets are 64-bit everywhere except for thread indices: two samples may lie more than 2^31
// elements apart.
using Index = std::int64_t;

// An array with any leading strides and a contiguous last axis. Strides count elements.
template <class T, int Rank>
struct View {
  T* data;
  Index shape[Rank];
  Index stride[Rank];

  BITLENS_HD T* row(Index i) const { return data + i * stride[0]; }
  BITLENS_HD T* row(Index i, Index j) const { return data + i * stride[0] + j * stride[1]; }
};

constexpr Index ceil_div(Index size, Index step) { return (size + step - 1) / step; }
constexpr Index round_up(Index size, Index step) { return ceil_div(size, step) * step; }

}  // namespace bitlens
