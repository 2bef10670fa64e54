// The filter of the neighbour search behind tiles of dot products, which may only err on the safe side.
#include <algorithm>
#include <limits>
#include <vector>

#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cpu/candidates.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/selection.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kSamplesPerTask = 16;  // the columns of a cache line of floats

Index tasks_for(Index samples) { return (samples + kSamplesPerTask - 1) / kSamplesPerTask; }

void put_back(const CandidateList& list, const Candidates& candidates, Index sample) {
  candidates.counts.data[sample] = static_cast<std::int32_t>(list.count);
  candidates.limits.data[sample] = list.limit;
}

}  // namespace

void keep_nearest(View<const float, 2> dots, View<const float, 1> norms, Index first_row, Index first_column,
                  Index kept, Candidates candidates) {
  const Index rows = dots.shape[0];
  const Index columns = dots.shape[1];
  const Index capacity = candidates.bounds.shape[1];
  check_keep_nearest(dots, norms, first_row, first_column, kept, candidates, kSelectionBlock);
  require_counts(candidates);

  // Adds the pairs of one sample with a run of others.
  const SelectionLoops& loops = selection_loops();
  auto add = [&](Index sample, const float* products, Index first, Index count,
                 std::vector<std::uint32_t>& scratch) {
    CandidateList list = list_of(candidates, sample);
    loops.append(list, norms.data[sample], products, norms.data + first, count, first, kept, scratch.data());
    put_back(list, candidates, sample);
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

void cut_candidates(Index kept, Candidates candidates, double unit, View<const double, 1> taken_off, Index k,
                    View<double, 2> boundaries) {
  check_cut_candidates(kept, candidates, taken_off, k, boundaries);
  require_counts(candidates);
  parallel_for(tasks_for(taken_off.shape[0]), [&](Index task) {
    std::vector<std::uint32_t> scratch(static_cast<std::size_t>(candidates.bounds.shape[1]));
    std::vector<double> estimates;
    for (Index i = task * kSamplesPerTask; i < std::min(taken_off.shape[0], (task + 1) * kSamplesPerTask);
         ++i) {
      CandidateList list = list_of(candidates, i);
      require_samples(list, taken_off.shape[0]);
      if (list.count > kept) selection_loops().cut(list, kept, scratch.data());
      put_back(list, candidates, i);
      double* boundary = boundaries.row(i);
      boundary[0] = 0;
      boundary[1] = std::numeric_limits<double>::infinity();
      if (list.count < k) continue;
      boundary[1] = 0;
      estimates.clear();
      for (Index c = 0; c < list.count; ++c) {
        const double error = taken_off.data[i] + taken_off.data[list.indices[c]];
        estimates.push_back(static_cast<double>(list.bounds[c]) * unit + error);
        boundary[1] = std::max(boundary[1], error);
      }
      std::nth_element(estimates.begin(), estimates.begin() + k - 1, estimates.end());
      boundary[0] = estimates[static_cast<std::size_t>(k - 1)];
    }
  });
}

}  // namespace bitlens::cpu
