// The filter of the neighbour search. It may keep too many candidates, but never drops a pair below a limit.
#include <algorithm>
#include <limits>
#include <vector>

#include "core/ops/neighbor_candidates.hpp"
#include "cpu/candidates.hpp"
#include "cpu/panel_products.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/selection.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kSamplesPerTask = 16;  // the columns of a cache line of floats

Index tasks_for(Index samples) { return ceil_div(samples, kSamplesPerTask); }

void store(const CandidateList& list, const Candidates& candidates, Index sample) {
  candidates.counts.data[sample] = static_cast<std::int32_t>(list.count);
  candidates.limits.data[sample] = list.limit;
}

}  // namespace

template <>
void run(const KeepNearest& op) {
  const View<float, 2> dots = op.dots;
  const View<const float, 1> norms = op.norms;
  const Candidates& candidates = op.candidates;
  const Index first_row = op.first_row;
  const Index first_column = op.first_column;
  const Index rows = op.row_samples();
  const Index columns = op.column_samples();
  multiply_panels(op.rows, op.columns, op.upper(), dots);

  // Adds the pairs of one sample with a run of other samples.
  const SelectionLoops& loops = selection_loops();
  auto add = [&](Index sample, const float* products, Index first, Index count,
                 std::vector<std::uint32_t>& scratch) {
    CandidateList list = list_of(candidates, sample);
    loops.append(list, norms.data[sample], products, norms.data + first, count, first, op.kept,
                 scratch.data());
    store(list, candidates, sample);
  };

  // Every pair i < j is met once and added to the lists of both samples. The columns come first: a sample's
  // pairs with smaller indices are added before those with larger ones.
  parallel_for(tasks_for(columns), [&](Index task) {
    std::vector<std::uint32_t> scratch(static_cast<std::size_t>(candidates.capacity()));
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
    std::vector<std::uint32_t> scratch(static_cast<std::size_t>(candidates.capacity()));
    for (Index r = task * kSamplesPerTask; r < std::min(rows, (task + 1) * kSamplesPerTask); ++r) {
      const Index sample = first_row + r;
      const Index behind = std::clamp<Index>(sample + 1 - first_column, 0, columns);
      add(sample, dots.row(r) + behind, first_column + behind, columns - behind, scratch);
    }
  });
}

template <>
void run(const CutCandidates& op) {
  const Index n = op.error_bounds.shape[0];
  parallel_for(tasks_for(n), [&](Index task) {
    std::vector<std::uint32_t> scratch(static_cast<std::size_t>(op.candidates.capacity()));
    std::vector<double> estimates;
    for (Index i = task * kSamplesPerTask; i < std::min(n, (task + 1) * kSamplesPerTask); ++i) {
      CandidateList list = list_of(op.candidates, i);
      require_samples(list, n);
      if (list.count > op.kept) selection_loops().cut(list, op.kept, scratch.data());
      store(list, op.candidates, i);
      double* kth_estimate = op.kth_estimates.row(i);
      kth_estimate[0] = 0;
      kth_estimate[1] = std::numeric_limits<double>::infinity();
      if (list.count < op.k) continue;
      estimates.clear();
      double largest_error = 0;
      for (Index c = 0; c < list.count; ++c) {
        const Estimate estimate = estimate_from_bound(list.bounds[c], op.unit, op.error_bounds.data[i],
                                                      op.error_bounds.data[list.indices[c]]);
        estimates.push_back(estimate.squared);
        largest_error = std::max(largest_error, estimate.error);
      }
      std::nth_element(estimates.begin(), estimates.begin() + op.k - 1, estimates.end());
      kth_estimate[0] = estimates[static_cast<std::size_t>(op.k - 1)];
      kth_estimate[1] = largest_error;
    }
  });
}

}  // namespace bitlens::cpu
