// Neighbours: distances of the few pairs that the filter left, and proof that they were enough.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "core/numerics.hpp"
#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cpu/candidates.hpp"
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

// Whether the squared distance is 0. Samples that are not alike mostly differ early on.
template <class T>
bool equal(const T* x, const T* y, Index length) {
  constexpr Index kBlock = 32;
  for (Index start = 0; start < length; start += kBlock) {
    bool differs = false;
    for (Index d = start; d < std::min(length, start + kBlock); ++d) {
      const double difference = static_cast<double>(x[d]) - static_cast<double>(y[d]);
      differs |= difference * difference > 0;
    }
    if (differs) return false;
  }
  return true;
}

enum class Found : char {
  nothing,
  equal_ones,  // at least k others at distance 0; which of them come first is open
  nearest,     // the k-th candidate is nearer than anything that was dropped can be
};

// The search for a run of samples, whose rows stay in the cache while the columns pass by.
template <class T>
struct Search {
  View<const T, 2> x;
  Candidates candidates;
  double unit;
  View<const double, 1> taken_off;
  double trusted;
  View<const double, 2> boundaries;
  Index k;

  std::vector<Neighbor> neighbors{};
  std::vector<Neighbor> scratch{};
  std::vector<std::int32_t> ends{};

  // Of one row: the squared distances of its candidates, and which of them are still to be measured.
  struct RowOfPairs {
    CandidateList list;
    std::vector<double> squared;
    std::vector<std::int32_t> positions;
    std::vector<std::int32_t> others;  // the samples at these positions, ascending as the list is
  };

  // Not estimated are, besides those too small to trust, pairs that decide who is among the k nearest of
  // either sample: those are exact, and the same from both sides.
  RowOfPairs estimate(Index sample) const {
    RowOfPairs row{list_of(candidates, sample), {}, {}, {}};
    for (std::int32_t c = 0; c < row.list.count; ++c) {
      const std::int32_t other = row.list.indices[c];
      const double error = taken_off.data[sample] + taken_off.data[other];
      const double estimate = static_cast<double>(row.list.bounds[c]) * unit + error;
      row.squared.push_back(estimate);
      if (is_to_be_measured(estimate, error, trusted, boundaries.row(sample), boundaries.row(other))) {
        row.positions.push_back(c);
        row.others.push_back(other);
      }
    }
    return row;
  }

  // A block of columns serves all rows one after another, while it is in the cache.
  void measure(std::vector<RowOfPairs>& rows, Index first, Index columns_at_once) const {
    std::vector<std::size_t> done(rows.size(), 0);
    std::vector<double> measured;
    for (Index column = 0; column < x.shape[0]; column += columns_at_once) {
      const auto beyond = static_cast<std::int32_t>(std::min(x.shape[0], column + columns_at_once));
      for (std::size_t r = 0; r < rows.size(); ++r) {
        RowOfPairs& row = rows[r];
        const auto start = row.others.begin() + static_cast<Index>(done[r]);
        const auto count =
            static_cast<std::size_t>(std::lower_bound(start, row.others.end(), beyond) - start);
        measured.resize(count);
        squared_distances(x.row(first + static_cast<Index>(r)), x.data, x.stride[0],
                          row.others.data() + done[r], static_cast<Index>(count), x.shape[1],
                          measured.data());
        for (std::size_t m = 0; m < count; ++m) {
          row.squared[static_cast<std::size_t>(row.positions[done[r] + m])] = measured[m];
        }
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

  // What the candidates tell of the k nearest.
  Found nearest_of_candidates(const RowOfPairs& row) {
    if (row.list.count < k) return Found::nothing;
    neighbors.clear();
    for (std::size_t c = 0; c < row.squared.size(); ++c) {
      neighbors.emplace_back(row.squared[c], row.list.indices[c]);
    }
    keep_k_nearest();
    const double farthest = neighbors[static_cast<std::size_t>(k - 1)].first;
    if (farthest < static_cast<double>(row.list.limit) * unit) return Found::nearest;
    return farthest == 0 ? Found::equal_ones : Found::nothing;
  }

  // As in a layer that has collapsed: k or more others are like the sample, and the first of them its
  // nearest.
  bool first_equal_ones(Index sample) {
    neighbors.clear();
    for (Index j = 0; j < x.shape[0] && std::ssize(neighbors) < k; ++j) {
      if (j != sample && equal(x.row(sample), x.row(j), x.shape[1])) {
        neighbors.emplace_back(0.0, static_cast<std::int32_t>(j));
      }
    }
    return std::ssize(neighbors) == k;
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

  void write(Index sample, View<double, 2> distances, View<std::int32_t, 2> indices) const {
    for (Index e = 0; e < k; ++e) {
      distances.row(sample)[e] = std::sqrt(neighbors[static_cast<std::size_t>(e)].first);
      indices.row(sample)[e] = neighbors[static_cast<std::size_t>(e)].second;
    }
  }
};

}  // namespace

template <class T>
void exact_neighbors(View<const T, 2> x, Candidates candidates, double unit, View<const double, 1> taken_off,
                     double trusted, View<const double, 2> boundaries, Index k, View<double, 2> distances,
                     View<std::int32_t, 2> indices) {
  check_exact_neighbors(x, candidates, taken_off, boundaries, k, distances, indices, k);
  require_counts(candidates);
  const Index n = x.shape[0];
  const Index bytes = x.shape[1] * static_cast<Index>(sizeof(T));
  const Index rows = std::clamp<Index>(kRowBytes / bytes, 1, kMostRows);
  const Index columns_at_once = std::max<Index>(1, kColumnBytes / bytes);
  std::vector<Found> found(static_cast<std::size_t>(n));
  parallel_for((n + rows - 1) / rows, [&](Index task) {
    Search<T> search{x, candidates, unit, taken_off, trusted, boundaries, k};
    const Index first = task * rows;
    std::vector<typename Search<T>::RowOfPairs> pairs;
    for (Index i = first; i < std::min(first + rows, n); ++i) {
      require_samples(list_of(candidates, i), n);
      pairs.push_back(search.estimate(i));
    }
    search.measure(pairs, first, columns_at_once);
    for (Index i = first; i < std::min(first + rows, n); ++i) {
      Found& of_sample = found[static_cast<std::size_t>(i)];
      of_sample = search.nearest_of_candidates(pairs[static_cast<std::size_t>(i - first)]);
      if (of_sample == Found::nearest) search.write(i, distances, indices);
    }
  });
  // One sample a task: each of these is compared with all, and an interrupt should not wait for many.
  parallel_for(n, [&](Index i) {
    const Found of_sample = found[static_cast<std::size_t>(i)];
    if (of_sample == Found::nearest) return;
    Search<T> search{x, candidates, unit, taken_off, trusted, boundaries, k};
    const bool done = of_sample == Found::equal_ones && search.first_equal_ones(i);
    if (!done) search.nearest_of_all(i);
    search.write(i, distances, indices);
  });
}

template void exact_neighbors(View<const float, 2>, Candidates, double, View<const double, 1>, double,
                              View<const double, 2>, Index, View<double, 2>, View<std::int32_t, 2>);
template void exact_neighbors(View<const double, 2>, Candidates, double, View<const double, 1>, double,
                              View<const double, 2>, Index, View<double, 2>, View<std::int32_t, 2>);

}  // namespace bitlens::cpu
