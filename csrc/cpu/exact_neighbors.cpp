// Exact distances of the few pairs that the filter left, and the proof that these pairs are sufficient.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "core/ops/exact_neighbors.hpp"
#include "cpu/candidates.hpp"
#include "cpu/nearest_list.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/distances.hpp"
#include "cpu/simd/selection.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kRowBytes = 1 << 20;     // of the samples of one task
constexpr Index kColumnBytes = 1 << 20;  // of the samples that they are compared with at the same time
constexpr Index kMostRows = 256;

// Whether the squared distance is 0. Samples that differ mostly do so in their first values.
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

// What the candidates of a sample prove.
enum class Proof : char {
  nothing,
  equal_samples,  // at least k others are at distance 0; which of them have the smallest indices is open
  nearest,        // the k-th candidate is nearer than any discarded pair can be
};

// The search for a run of samples, whose rows stay in the cache while they are compared with blocks of
// columns.
template <class T>
struct Search {
  const ExactNeighbors<T>& op;

  std::vector<Neighbor> neighbors{};
  std::vector<Neighbor> scratch{};
  std::vector<std::int32_t> ends{};

  // One row: the squared distances of its candidates, and which of them must be measured.
  struct RowOfPairs {
    CandidateList list;
    std::vector<double> squared;
    std::vector<std::int32_t> positions;
    std::vector<std::int32_t> others;  // the samples at these positions, ascending as in the list
  };

  // Pairs that decide which samples are among the k nearest of either sample are measured. Their distances
  // are exact, and the same from both sides.
  RowOfPairs estimate(Index sample) const {
    RowOfPairs row{list_of(op.candidates, sample), {}, {}, {}};
    for (std::int32_t c = 0; c < row.list.count; ++c) {
      const std::int32_t other = row.list.indices[c];
      const Estimate estimate = estimate_from_bound(row.list.bounds[c], op.unit, op.error_bounds.data[sample],
                                                    op.error_bounds.data[other]);
      row.squared.push_back(estimate.squared);
      if (needs_measuring(estimate, op.trusted, op.kth_estimates.row(sample), op.kth_estimates.row(other))) {
        row.positions.push_back(c);
        row.others.push_back(other);
      }
    }
    return row;
  }

  // Each block of columns is compared with all rows while it is in the cache.
  void measure(std::vector<RowOfPairs>& rows, Index first, Index columns_at_once) const {
    std::vector<std::size_t> done(rows.size(), 0);
    std::vector<double> measured;
    const View<const T, 2> x = op.x;
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

  // One more than k, because it tells whether the k-th neighbour is one of several at the same distance.
  void keep_nearest() {
    if (std::ssize(neighbors) > 2 * (op.k + 1)) {
      std::nth_element(neighbors.begin(), neighbors.begin() + op.k, neighbors.end());
      neighbors.resize(static_cast<std::size_t>(op.k + 1));
    }
    sort_neighbors(neighbors, scratch, ends);
  }

  Proof nearest_of_candidates(const RowOfPairs& row) {
    if (row.list.count < op.k) return Proof::nothing;
    require_finite(row.squared);
    neighbors.clear();
    for (std::size_t c = 0; c < row.squared.size(); ++c) {
      neighbors.emplace_back(row.squared[c], row.list.indices[c]);
    }
    keep_nearest();
    const double farthest = neighbors[static_cast<std::size_t>(op.k - 1)].first;
    if (farthest < static_cast<double>(row.list.limit) * op.unit) return Proof::nearest;
    return farthest == 0 ? Proof::equal_samples : Proof::nothing;
  }

  // In a collapsed layer k or more others equal the sample, and those with the smallest indices are its
  // nearest. One more is looked for, because of ties.
  bool first_equal_samples(Index sample) {
    neighbors.clear();
    const View<const T, 2> x = op.x;
    for (Index j = 0; j < x.shape[0] && std::ssize(neighbors) <= op.k; ++j) {
      if (j != sample && equal(x.row(sample), x.row(j), x.shape[1])) {
        neighbors.emplace_back(0.0, static_cast<std::int32_t>(j));
      }
    }
    return std::ssize(neighbors) >= op.k;
  }

  void nearest_of_all(Index sample) {
    const View<const T, 2> x = op.x;
    std::vector<double> distances(static_cast<std::size_t>(x.shape[0]));
    squared_distances(x.row(sample), x.data, x.stride[0], nullptr, x.shape[0], x.shape[1], distances.data());
    require_finite(distances);
    neighbors.clear();
    for (Index j = 0; j < x.shape[0]; ++j) {
      if (j != sample)
        neighbors.emplace_back(distances[static_cast<std::size_t>(j)], static_cast<std::int32_t>(j));
    }
    keep_nearest();
  }

  void write(Index sample) const {
    for (Index e = 0; e < op.k; ++e) {
      op.distances.row(sample)[e] = std::sqrt(neighbors[static_cast<std::size_t>(e)].first);
      op.indices.row(sample)[e] = neighbors[static_cast<std::size_t>(e)].second;
    }
    const auto k = static_cast<std::size_t>(op.k);
    op.ties.data[sample] = neighbors.size() > k && neighbors[k].first == neighbors[k - 1].first;
  }
};

template <class T>
void search(const ExactNeighbors<T>& op) {
  const Index n = op.x.shape[0];
  const Index bytes = op.x.shape[1] * static_cast<Index>(sizeof(T));
  const Index rows = std::clamp<Index>(kRowBytes / bytes, 1, kMostRows);
  const Index columns_at_once = std::max<Index>(1, kColumnBytes / bytes);
  std::vector<Proof> proofs(static_cast<std::size_t>(n));
  parallel_for(ceil_div(n, rows), [&](Index task) {
    Search<T> search{op};
    const Index first = task * rows;
    std::vector<typename Search<T>::RowOfPairs> pairs;
    for (Index i = first; i < std::min(first + rows, n); ++i) {
      require_samples(list_of(op.candidates, i), n);
      pairs.push_back(search.estimate(i));
    }
    search.measure(pairs, first, columns_at_once);
    for (Index i = first; i < std::min(first + rows, n); ++i) {
      Proof& proof = proofs[static_cast<std::size_t>(i)];
      proof = search.nearest_of_candidates(pairs[static_cast<std::size_t>(i - first)]);
      if (proof == Proof::nearest) search.write(i);
    }
  });
  // One sample a task: each of the remaining samples is compared with all others, and an interrupt should not
  // wait for several of them.
  parallel_for(n, [&](Index i) {
    const Proof proof = proofs[static_cast<std::size_t>(i)];
    if (proof == Proof::nearest) return;
    Search<T> search{op};
    const bool done = proof == Proof::equal_samples && search.first_equal_samples(i);
    if (!done) search.nearest_of_all(i);
    search.write(i);
  });
}

}  // namespace

template <>
void run(const ExactNeighbors<float>& op) {
  search(op);
}
template <>
void run(const ExactNeighbors<double>& op) {
  search(op);
}

}  // namespace bitlens::cpu
