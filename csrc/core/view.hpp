// Views of arrays that somebody else owns: what every kernel takes, so that kernels know no framework and own
// no memory.
#pragma once

#include <cstdint>

// The arithmetic in core/ is compiled by the host compiler, for several instruction sets, and by nvcc alike.
// Inlined for good, so that no copy made for one instruction set is called on a machine that lacks it.
#ifdef __CUDACC__
#define BITLENS_HD __host__ __device__
#else
#define BITLENS_HD [[gnu::always_inline]]
#endif

namespace bitlens {

// Sizes and offsets are 64-bit everywhere above the thread index: two samples may lie further than 2^31
// elements apart.
using Index = std::int64_t;

// Any leading strides, the last axis contiguous. Strides count elements.
template <class T, int Rank>
struct View {
  T* data;
  Index shape[Rank];
  Index stride[Rank];

  BITLENS_HD T* row(Index i) const { return data + i * stride[0]; }
  BITLENS_HD T* row(Index i, Index j) const { return data + i * stride[0] + j * stride[1]; }
};

}  // namespace bitlens
