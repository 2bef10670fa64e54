// Neighbour search: a filter behind BLAS tiles that may only err on the safe side, then exact distances for
// the few left.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/distances.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kRowsPerTask = 16;

// Restores the max-heap of (bound, index) after its root was replaced.
void sift_down(float* bounds, Index* indices, Index kept) {
  const float bound = bounds[0];
  const Index index = indices[0];
  Index hole = 0;
  for (Index child = 1; child < kept; child = 2 * hole + 1) {
    if (child + 1 < kept &&
        std::pair(bounds[child], indices[child]) < std::pair(bounds[child + 1], indices[child + 1])) {
      ++child;
    }
    if (std::pair(bounds[child], indices[child]) <= std::pair(bound, index)) break;
    bounds[hole] = bounds[child];
    indices[hole] = indices[child];
    hole = child;
  }
  bounds[hole] = bound;
  indices[hole] = index;
}

}  // namespace

void keep_nearest(View<const float, 2> dots, View<const float, 1> row_norms,
                  View<const float, 1> column_norms, Index first_row, Index first_column,
                  View<float, 2> bounds, View<Index, 2> indices) {
  const Index rows = dots.shape[0];
  const Index columns = dots.shape[1];
  const Index kept = bounds.shape[1];
  require_size(row_norms.shape[0], rows, "row_norms");
  require_size(column_norms.shape[0], columns, "column_norms");
  require_size(bounds.shape[0], rows, "bounds: rows");
  require_size(indices.shape[0], rows, "indices: rows");
  require_size(indices.shape[1], kept, "indices: kept");
  require(kept >= 1, "bounds: nothing to keep");

  parallel_for((rows + kRowsPerTask - 1) / kRowsPerTask, [&](Index task) {
    for (Index i = task * kRowsPerTask; i < std::min(rows, (task + 1) * kRowsPerTask); ++i) {
      const float* dot = dots.row(i);
      const float row_norm = row_norms.data[i];
      float* heap = bounds.row(i);
      Index* heap_indices = indices.row(i);
      for (Index j = 0; j < columns; ++j) {
        const float bound = row_norm + column_norms.data[j] - 2 * dot[j];
        const Index index = first_column + j;
        if (bound > heap[0] || index == first_row + i) continue;
        if (bound == heap[0] && index > heap_indices[0]) continue;
        heap[0] = bound;
        heap_indices[0] = index;
        sift_down(heap, heap_indices, kept);
      }
    }
  });
}

template <class T>
void exact_neighbors(View<const T, 2> x, Index first_row, View<const Index, 2> candidates,
                     View<const double, 1> beyond, View<double, 2> distances, View<Index, 2> indices) {
  const Index n = x.shape[0];
  const Index length = x.shape[1];
  const Index rows = distances.shape[0];
  const Index k = distances.shape[1];
  const Index kept = candidates.shape[1];
  require(first_row >= 0 && first_row + rows <= n, "first_row: rows beyond the last sample");
  require(k >= 1 && k < n, "distances: k must be 1 to n - 1");
  require_size(candidates.shape[0], rows, "candidates: rows");
  require_size(beyond.shape[0], rows, "beyond");
  require_size(indices.shape[0], rows, "indices: rows");
  require_size(indices.shape[1], k, "indices: k");
  for (Index i = 0; i < rows; ++i) {
    for (Index c = 0; c < kept; ++c) {
      const Index j = candidates.row(i)[c];
      require(j >= 0 && j < n, "candidates: index " + std::to_string(j) + " is no sample");
    }
  }

  parallel_for((rows + kRowsPerTask - 1) / kRowsPerTask, [&](Index task) {
    std::vector<double> squared;
    std::vector<std::pair<double, Index>> order;
    for (Index i = task * kRowsPerTask; i < std::min(rows, (task + 1) * kRowsPerTask); ++i) {
      const T* point = x.row(first_row + i);
      auto nearest_of = [&](const Index* which, Index count) {
        squared.resize(static_cast<std::size_t>(count));
        squared_distances(point, x.data, x.stride[0], which, count, length, squared.data());
        order.clear();
        for (Index c = 0; c < count; ++c) {
          const Index j = which ? which[c] : c;
          if (j != first_row + i) order.emplace_back(squared[static_cast<std::size_t>(c)], j);
        }
        std::partial_sort(order.begin(), order.begin() + std::min<Index>(k, std::ssize(order)), order.end());
      };
      nearest_of(candidates.row(i), kept);
      const bool proven =
          std::ssize(order) >= k && order[static_cast<std::size_t>(k - 1)].first < beyond.data[i];
      if (!proven) nearest_of(nullptr, n);
      for (Index j = 0; j < k; ++j) {
        distances.row(i)[j] = std::sqrt(order[static_cast<std::size_t>(j)].first);
        indices.row(i)[j] = order[static_cast<std::size_t>(j)].second;
      }
    }
  });
}

template void exact_neighbors(View<const float, 2>, Index, View<const Index, 2>, View<const double, 1>,
                              View<double, 2>, View<Index, 2>);
template void exact_neighbors(View<const double, 2>, Index, View<const Index, 2>, View<const double, 1>,
                              View<double, 2>, View<Index, 2>);

}  // namespace bitlens::cpu
