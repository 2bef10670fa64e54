// The lists of candidates in the form that the CPU's loops take, and the check of their indices.
#pragma once

#include <algorithm>

#include "core/ops/candidates.hpp"
#include "cpu/simd/selection.hpp"

namespace bitlens::cpu {

inline CandidateList list_of(const Candidates& candidates, Index sample) {
  return {candidates.bounds.row(sample), candidates.indices.row(sample), candidates.capacity(),
          candidates.counts.data[sample], candidates.limits.data[sample]};
}

inline void require_samples(const CandidateList& list, Index n) {
  if (!list.count) return;
  const auto [lowest, highest] = std::minmax_element(list.indices, list.indices + list.count);
  require_index(*lowest, n, "candidates");
  require_index(*highest, n, "candidates");
}

}  // namespace bitlens::cpu
