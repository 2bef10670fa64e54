// The lists of candidates as the CPU's loops take them, and what only this back-end can check.
#pragma once

#include <algorithm>
#include <string>

#include "core/check.hpp"
#include "core/ops.hpp"
#include "cpu/simd/selection.hpp"

namespace bitlens::cpu {

inline CandidateList list_of(const Candidates& candidates, Index sample) {
  return {candidates.bounds.row(sample), candidates.indices.row(sample), candidates.bounds.shape[1],
          candidates.counts.data[sample], candidates.limits.data[sample]};
}

inline void require_counts(const Candidates& candidates) {
  const Index capacity = candidates.bounds.shape[1];
  for (Index i = 0; i < candidates.counts.shape[0]; ++i) {
    const std::int32_t count = candidates.counts.data[i];
    require(count >= 0 && count <= capacity,
            "counts: expected 0 to " + std::to_string(capacity) + ", got " + std::to_string(count));
  }
}

inline void require_samples(const CandidateList& list, Index n) {
  if (!list.count) return;
  const auto [lowest, highest] = std::minmax_element(list.indices, list.indices + list.count);
  require_index(*lowest, n, "candidates");
  require_index(*highest, n, "candidates");
}

}  // namespace bitlens::cpu
