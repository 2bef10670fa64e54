// The loops of the neighbour search's filter: which pairs of a tile of dot products may be among the nearest.
#pragma once

#include "core/backends.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

// The candidates of one sample in the order in which they were added: `count` lower bounds of squared
// distances, all below `limit` when they were added, and the indices of the samples that they belong to.
struct CandidateList {
  float* bounds;
  std::int32_t* indices;
  Index capacity;
  Index count;
  float limit;
};

// Pairs that are appended before the length of a list is checked.
inline constexpr Index kSelectionBlock = kCpu.selection_block;

// `scratch` holds as many numbers as a list's capacity.
struct SelectionLoops {
  // Appends the pairs of one sample with samples first, first + 1, ... whose bound
  // norm + norms[c] - 2 dots[c] is below the limit. A list with fewer than kSelectionBlock free places is
  // cut; it must have that many at the start.
  void (*append)(CandidateList& list, float norm, const float* dots, const float* norms, Index count,
                 Index first, Index kept, std::uint32_t* scratch);
  // Keeps at least the `kept` smallest bounds, in their order, and a few more. If too many bounds are equal,
  // those that were added first stay. No dropped bound is below the new limit.
  void (*cut)(CandidateList& list, Index kept, std::uint32_t* scratch);
  // out[column][row] = tile[row][column]; the rows of the tile are `stride` apart.
  void (*transpose)(const float* tile, Index stride, Index rows, Index columns, float* out);
};
BITLENS_LOOPS(SelectionLoops, selection_loops)

}  // namespace bitlens::cpu
