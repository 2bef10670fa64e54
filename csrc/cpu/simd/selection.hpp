// The filter of the neighbour search: which pairs of a tile of dot products may still be among the nearest.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/level.hpp"

namespace bitlens::cpu {

// The candidates of one sample, in the order in which they came: `count` lower bounds of squared distances,
// all below `limit` when they came, and whom they belong to.
struct CandidateList {
  float* bounds;
  std::int32_t* indices;
  Index capacity;
  Index count;
  float limit;
};

inline constexpr Index kSelectionBlock = 64;  // pairs that are added before a list is looked at

// `scratch` has room for a list's capacity.
struct SelectionLoops {
  // Appends the pairs of one sample with samples first, first + 1, ... whose bound
  // norm + norms[c] - 2 dots[c] is below the limit. A list that has no room left for kSelectionBlock more is
  // cut.
  void (*append)(CandidateList& list, float norm, const float* dots, const float* norms, Index count,
                 Index first, Index kept, std::uint32_t* scratch);
  // Keeps at least the `kept` smallest bounds, in their order, and few more; of more equal ones than there is
  // room for those that came first. Nothing that is dropped is below the new limit.
  void (*cut)(CandidateList& list, Index kept, std::uint32_t* scratch);
  // out[column][row] = tile[row][column], for rows of the tile that lie `stride` apart.
  void (*transpose)(const float* tile, Index stride, Index rows, Index columns, float* out);
};
BITLENS_LOOPS(SelectionLoops, selection_loops)

}  // namespace bitlens::cpu
