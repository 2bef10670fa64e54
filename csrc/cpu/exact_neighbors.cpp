// Exact neighbours: direct distances of the few pairs that the filter left, and proof that they were enough.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/distances.hpp"
#include "cpu/simd/selection.hpp"

namespace bitlens::cpu {
namespace {

using Neighbor = std::pair<double, std::int32_t>;  // squared distance, index

constexpr Index kRowBytes = 1 << 20;     // of the samples of one task
constexpr Index kColumnBytes = 1 << 20;  // of the samples that they are compared with at a time
constexpr Index kMostRows = 256;

// Sorts by (distance, index), in equal buckets between the smallest and the largest distance first:
// neighbours' distances spread so evenly that hardly any comparison is left to make.
void sort_neighbors(std::vector<Neighbor>& neighbors, std::vector<Neighbor>& scratch,
                    std::vector<std::int32_t>& ends) {
  const auto [lowest, highest] = std::minmax_element(neighbors.begin(), neighbors.end());
  const double low = lowest->first;
  const double scale = static_cast<double>(neighbors.size()) / (highest->first - low);
  if (!(scale < std::numeric_limits<double>::max())) {
    std::sort(neighbors.begin(), neighbors.end());
    return;
  }
  auto bucket_of = [&](const Neighbor& neighbor) {
    return static_cast<std::size_t>((neighbor.first - low) * scale);
  };
  ends.assign(neighbors.size() + 2, 0);
  for (const Neighbor& neighbor : neighbors) ++ends[bucket_of(neighbor) + 1];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  scratch.resize(neighbors.size());
  for (const Neighbor& neighbor : neighbors) {
    scratch[static_cast<std::size_t>(ends[bucket_of(neighbor)]++)] = neighbor;
  }
  std::int32_t start = 0;
  for (const std::int32_t end : ends) {
    if (end - start > 1) std::sort(scratch.begin() + start, scratch.begin() + end);
    start = end;
  }
  neighbors.swap(scratch);
}

// The search for a run of samples, whose rows stay in the cache while the columns pass by.
template <class T>
struct Search {
  View<const T, 2> x;
  Index kept;
  Candidates candidates;
  double unit;
  Index k;

  std::vector<Neighbor> neighbors{};
  std::vector<Neighbor> scratch{};
  std::vector<std::int32_t> ends{};

  CandidateList list_of(Index sample) const {
    return {candidates.bounds.row(sample), candidates.indices.row(sample), candidates.bounds.shape[1],
            candidates.counts.data[sample], candidates.limits.data[sample]};
  }

  void require_samples(const CandidateList& list) const {
    if (!list.count) return;
    const auto [lowest, highest] = std::minmax_element(list.indices, list.indices + list.count);
    require_index(*lowest, x.shape[0], "candidates");
    require_index(*highest, x.shape[0], "candidates");
  }

  // Squared distances of the candidates of row r, from starts[r] on. They come in ascending order of their
  // index, so a block of columns serves all rows one after another.
  void measure_candidates(const std::vector<CandidateList>& lists, Index first, Index columns_at_once,
                          const std::vector<Index>& starts, double* squared) const {
    std::vector<Index> done(lists.size(), 0);
    for (Index column = 0; column < x.shape[0]; column += columns_at_once) {
      const auto beyond = static_cast<std::int32_t>(std::min(x.shape[0], column + columns_at_once));
      for (std::size_t r = 0; r < lists.size(); ++r) {
        const std::int32_t* start = lists[r].indices + done[r];
        const std::int32_t* end = lists[r].indices + lists[r].count;
        const Index count = std::lower_bound(start, end, beyond) - start;
        squared_distances(x.row(first + static_cast<Index>(r)), x.data, x.stride[0], start, count, x.shape[1],
                          squared + starts[r] + done[r]);
        done[r] += count;
      }
    }
  }

  void keep_k_nearest() {
    if (std::ssize(neighbors) > 2 * k) {
      std::nth_element(neighbors.begin(), neighbors.begin() + k, neighbors.end());
      neighbors.resize(static_cast<std::size_t>(k));
    }
    sort_neighbors(neighbors, scratch, ends);
  }

  // Whether the candidates hold the k nearest: the k-th is nearer than anything that was dropped can be.
  bool nearest_of_candidates(const CandidateList& list, const double* distances) {
    if (list.count < k) return false;
    neighbors.clear();
    for (Index c = 0; c < list.count; ++c) neighbors.emplace_back(distances[c], list.indices[c]);
    keep_k_nearest();
    return neighbors[static_cast<std::size_t>(k - 1)].first < static_cast<double>(list.limit) * unit;
  }

  void nearest_of_all(Index sample) {
    std::vector<double> distances(static_cast<std::size_t>(x.shape[0]));
    squared_distances(x.row(sample), x.data, x.stride[0], nullptr, x.shape[0], x.shape[1], distances.data());
    neighbors.clear();
    for (Index j = 0; j < x.shape[0]; ++j) {
      if (j != sample)
        neighbors.emplace_back(distances[static_cast<std::size_t>(j)], static_cast<std::int32_t>(j));
    }
    keep_k_nearest();
  }

  void run(Index first, Index rows, Index columns_at_once, View<double, 2> distances,
           View<std::int32_t, 2> indices) {
    std::vector<CandidateList> lists;
    std::vector<Index> starts{0};
    std::vector<std::uint32_t> keys(static_cast<std::size_t>(candidates.bounds.shape[1]));
    for (Index r = 0; r < rows; ++r) {
      lists.push_back(list_of(first + r));
      require_samples(lists.back());
      if (lists.back().count > kept) selection_loops().cut(lists.back(), kept, keys.data());
      starts.push_back(starts.back() + lists.back().count);
    }
    // Not zeroed: each is written before it is read.
    const auto squared = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(starts.back()));
    measure_candidates(lists, first, columns_at_once, starts, squared.get());
    for (std::size_t r = 0; r < lists.size(); ++r) {
      const Index sample = first + static_cast<Index>(r);
      if (!nearest_of_candidates(lists[r], squared.get() + starts[r])) nearest_of_all(sample);
      for (Index e = 0; e < k; ++e) {
        distances.row(sample)[e] = std::sqrt(neighbors[static_cast<std::size_t>(e)].first);
        indices.row(sample)[e] = neighbors[static_cast<std::size_t>(e)].second;
      }
    }
  }
};

}  // namespace

template <class T>
void exact_neighbors(View<const T, 2> x, Index kept, Candidates candidates, double unit,
                     View<double, 2> distances, View<std::int32_t, 2> indices) {
  const Index n = x.shape[0];
  const Index k = distances.shape[1];
  check_candidates(candidates, n);
  require(k >= 1 && k < n, "distances: k must be 1 to n - 1");
  require_kept(kept, 0, candidates.bounds.shape[1], candidates.bounds.shape[1]);
  require_size(distances.shape[0], n, "distances: samples");
  require_size(indices.shape[0], n, "indices: samples");
  require_size(indices.shape[1], k, "indices: k");

  const Index bytes = x.shape[1] * static_cast<Index>(sizeof(T));
  const Index rows = std::clamp<Index>(kRowBytes / bytes, 1, kMostRows);
  const Index columns_at_once = std::max<Index>(1, kColumnBytes / bytes);
  parallel_for((n + rows - 1) / rows, [&](Index task) {
    Search<T> search{x, kept, candidates, unit, k};
    search.run(task * rows, std::min(rows, n - task * rows), columns_at_once, distances, indices);
  });
}

template void exact_neighbors(View<const float, 2>, Index, Candidates, double, View<double, 2>,
                              View<std::int32_t, 2>);
template void exact_neighbors(View<const double, 2>, Index, Candidates, double, View<double, 2>,
                              View<std::int32_t, 2>);

}  // namespace bitlens::cpu
