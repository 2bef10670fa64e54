// The filter of the neighbour search behind tiles of dot products, which may only err on the safe side.
#include <algorithm>
#include <vector>

#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/selection.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kSamplesPerTask = 16;  // the columns of a cache line of floats

Index tasks_for(Index samples) { return (samples + kSamplesPerTask - 1) / kSamplesPerTask; }

}  // namespace

void keep_nearest(View<const float, 2> dots, View<const float, 1> norms, Index first_row, Index first_column,
                  Index kept, Candidates candidates) {
  const Index n = norms.shape[0];
  const Index rows = dots.shape[0];
  const Index columns = dots.shape[1];
  const Index capacity = candidates.bounds.shape[1];
  check_candidates(candidates, n);
  require(first_row >= 0 && first_row + rows <= n, "dots: rows beyond the last sample");
  require(first_column >= first_row && first_column + columns <= n,
          "dots: columns beyond the last sample, or before the first row");
  require_kept(kept, 1, capacity - kSelectionBlock, capacity);

  // Adds the pairs of one sample with a run of others.
  const SelectionLoops& loops = selection_loops();
  auto add = [&](Index sample, const float* products, Index first, Index count,
                 std::vector<std::uint32_t>& scratch) {
    CandidateList list = {candidates.bounds.row(sample), candidates.indices.row(sample), capacity,
                          candidates.counts.data[sample], candidates.limits.data[sample]};
    loops.append(list, norms.data[sample], products, norms.data + first, count, first, kept, scratch.data());
    candidates.counts.data[sample] = static_cast<std::int32_t>(list.count);
    candidates.limits.data[sample] = list.limit;
  };

  // Every pair i < j is met once, and serves both. Down the columns first: samples above come before those
  // behind.
  parallel_for(tasks_for(columns), [&](Index task) {
    std::vector<std::uint32_t> scratch(static_cast<std::size_t>(capacity));
    std::vector<float> strip(static_cast<std::size_t>(kSamplesPerTask * rows));
    const Index start = task * kSamplesPerTask;
    const Index width = std::min(kSamplesPerTask, columns - start);
    loops.transpose(dots.data + start, dots.stride[0], rows, width, strip.data());
    for (Index c = 0; c < width; ++c) {
      const Index sample = first_column + start + c;
      add(sample, strip.data() + c * rows, first_row, std::min(rows, sample - first_row), scratch);
    }
  });
  parallel_for(tasks_for(rows), [&](Index task) {
    std::vector<std::uint32_t> scratch(static_cast<std::size_t>(capacity));
    for (Index r = task * kSamplesPerTask; r < std::min(rows, (task + 1) * kSamplesPerTask); ++r) {
      const Index sample = first_row + r;
      const Index behind = std::clamp<Index>(sample + 1 - first_column, 0, columns);
      add(sample, dots.row(r) + behind, first_column + behind, columns - behind, scratch);
    }
  });
}

}  // namespace bitlens::cpu
