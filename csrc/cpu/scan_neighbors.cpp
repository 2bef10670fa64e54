// The search by a scan: products of coordinates give bounds, and only what they leave open is measured.
#include "core/ops/scan_neighbors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "cpu/nearest_list.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/distances.hpp"
#include "cpu/simd/dot_products.hpp"
#include "cpu/simd/selection.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kPanel = kCpu.panel;
constexpr Index kDepth = 384;       // coordinates that are multiplied at a time, as in dot_products
constexpr Index kPanelsAtOnce = 8;  // of columns: their products with a panel of rows stay in the L2 cache
constexpr Index kRun = kPanelsAtOnce * kPanel;
constexpr Index kFirstColumns = 2 * kRun;  // are looked at before the first distances are computed
constexpr float kUnlimited = std::numeric_limits<float>::infinity();

// The mean coordinates of every panel, [panels, coordinates].
std::vector<float> panel_means(const ScannedSamples& samples) {
  const Index n = samples.samples.shape[0];
  const Index length = samples.panels.shape[1];
  std::vector<float> means(static_cast<std::size_t>(samples.panels.shape[0] * length));
  parallel_for(samples.panels.shape[0], [&](Index panel) {
    const Index count = std::min(kPanel, n - panel * kPanel);
    for (Index d = 0; d < length; ++d) {
      const float* values = samples.panels.row(panel, d);
      means[static_cast<std::size_t>(panel * length + d)] =
          std::accumulate(values, values + count, 0.0F) / static_cast<float>(count);
    }
  });
  return means;
}

// One sample, the columns that may be among its nearest, and the nearest of those that were measured.
struct Row {
  CandidateList list;
  std::vector<Neighbor>
      nearest{};  // up to k + 1: one more tells whether the k-th is one of several at its distance
  double kth = std::numeric_limits<double>::infinity();  // the k-th smallest squared distance
  Index measured = 0;
};

struct Candidate {
  double bound;        // of the squared distance of coordinates
  std::int32_t place;  // of the column
};

// The search for the rows of a panel. The columns' panels are visited from the nearest to the farthest, so
// that the first distances leave few candidates among the rest.
template <class T>
struct PanelSearch {
  const ScanNeighbors<T>& op;
  Index panel;
  Index first;                         // place of the panel's first row
  std::vector<std::int32_t> sequence;  // of the columns' panels
  std::vector<Row> rows{};
  std::vector<float> bounds{};            // of the lists
  std::vector<std::int32_t> positions{};  // of the lists: columns, counted along the sequence
  std::vector<std::uint32_t> scratch{};
  std::vector<Candidate> candidates{};
  std::vector<std::int32_t> others{};
  std::vector<double> squared{};
  std::vector<Neighbor> sorted{};
  std::vector<std::int32_t> ends{};

  Index columns() const { return op.columns.shape[0]; }

  PanelSearch(const ScanNeighbors<T>& operation, Index panel_of_rows, std::vector<std::int32_t> panels)
      : op(operation), panel(panel_of_rows), first(panel_of_rows * kPanel), sequence(std::move(panels)) {
    const Index count = std::min(kPanel, op.rows.shape[0] - first);
    const Index capacity = first_columns() + kRun + kSelectionBlock;
    bounds.resize(static_cast<std::size_t>(count * capacity));
    positions.resize(bounds.size());
    scratch.resize(static_cast<std::size_t>(capacity));
    for (Index r = 0; r < count; ++r) {
      rows.push_back(
          {{bounds.data() + r * capacity, positions.data() + r * capacity, capacity, 0, kUnlimited}});
    }
  }

  Index first_columns() const { return round_up(std::max(kFirstColumns, 2 * (op.k + op.same)), kRun); }

  void scan() {
    std::vector<float> dots(static_cast<std::size_t>(kPanel * kRun));
    std::vector<float> norms(static_cast<std::size_t>(kRun));
    const auto panels = static_cast<Index>(sequence.size());
    for (Index start = 0; start < panels; start += kPanelsAtOnce) {
      throw_if_interrupted();
      const Index count = std::min(kPanelsAtOnce, panels - start);
      multiply(start, count, dots.data());
      for (Index p = 0; p < count; ++p) {
        const Index column = sequence[static_cast<std::size_t>(start + p)];
        const Index behind = std::min(kPanel, columns() - column * kPanel);
        const float* from = op.of_columns.norms.data + column * kPanel;
        std::copy(from, from + behind, norms.begin() + p * kPanel);
        std::fill(norms.begin() + p * kPanel + behind, norms.begin() + (p + 1) * kPanel, kUnlimited);
      }
      const Index seen = (start + count) * kPanel;
      for (std::size_t r = 0; r < rows.size(); ++r) {
        Row& row = rows[r];
        selection_loops().append(row.list, op.of_rows.norms.data[first + static_cast<Index>(r)],
                                 dots.data() + static_cast<Index>(r) * kRun, norms.data(), count * kPanel,
                                 start * kPanel, row.list.capacity - kSelectionBlock, scratch.data());
        const bool full = row.list.count > row.list.capacity - kRun - kSelectionBlock;
        if (full || (row.nearest.empty() && seen >= first_columns())) measure(static_cast<Index>(r));
      }
    }
    for (Index r = 0; r < static_cast<Index>(rows.size()); ++r) measure(r);
  }

  // The products of the panel's rows with those of a run of panels of columns. A slice of the rows' panel
  // stays in the cache meanwhile.
  void multiply(Index start, Index count, float* dots) const {
    const Index length = op.of_rows.panels.shape[1];
    for (Index d = 0; d < length; d += kDepth) {
      for (Index p = 0; p < count; ++p) {
        const Index column = sequence[static_cast<std::size_t>(start + p)];
        product_loops().multiply(op.of_rows.panels.row(panel, d), op.of_columns.panels.row(column, d),
                                 std::min(kDepth, length - d), dots + p * kPanel, kRun, d > 0);
      }
    }
  }

  // Measures what the bounds of a row's list leave open, and empties the list.
  void measure(Index r) {
    Row& row = rows[static_cast<std::size_t>(r)];
    take_candidates(row, first + r);
    if (std::ssize(row.nearest) < op.k) measure_lowest(row, first + r, op.k + op.k / 4 + 8);
    drop_far_candidates(row);
    if (op.of_rows.finer.shape[1] > 0) {
      refine_bounds(first + r);
      drop_far_candidates(row);
    }
    while (!candidates.empty()) {
      measure_lowest(row, first + r, std::max<Index>(16, op.k / 2));
      drop_far_candidates(row);
    }
  }

  void take_candidates(Row& row, Index place) {
    candidates.clear();
    for (Index c = 0; c < row.list.count; ++c) {
      const Index position = row.list.indices[c];
      const Index column = sequence[static_cast<std::size_t>(position / kPanel)] * kPanel + position % kPanel;
      if (op.same && column == place) continue;
      candidates.push_back({row.list.bounds[c], static_cast<std::int32_t>(column)});
    }
    row.list.count = 0;
  }

  // A candidate at the k-th distance stays, because its index may be smaller, and because it makes a tie.
  void drop_far_candidates(const Row& row) {
    const double limit = row.kth / op.unit;
    std::erase_if(candidates, [&](const Candidate& candidate) {
      if (!(candidate.bound <= limit)) return true;
      if (row.kth > 0 || std::ssize(row.nearest) <= op.k) return false;
      // Nothing is nearer than the samples that coincide with this one, and there are more of them than k.
      return op.of_columns.samples.data[candidate.place] >
             row.nearest[static_cast<std::size_t>(op.k - 1)].second;
    });
  }

  void refine_bounds(Index place) {
    others.clear();
    for (const Candidate& candidate : candidates) others.push_back(candidate.place);
    squared.resize(others.size());
    const View<const float, 2> finer = op.of_columns.finer;
    squared_distances(op.of_rows.finer.row(place), finer.data, finer.stride[0], others.data(),
                      std::ssize(others), finer.shape[1], squared.data());
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const double errors =
          static_cast<double>(op.of_rows.errors.data[place]) + op.of_columns.errors.data[candidates[c].place];
      candidates[c].bound = std::max(candidates[c].bound, squared[c] - errors);
    }
  }

  // Measures the `count` candidates with the smallest bounds, and removes them.
  void measure_lowest(Row& row, Index place, Index count) {
    const auto left = std::max<Index>(0, std::ssize(candidates) - count);
    const auto lowest = candidates.begin() + left;
    std::nth_element(candidates.begin(), lowest, candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.bound > b.bound; });
    others.clear();
    for (auto candidate = lowest; candidate != candidates.end(); ++candidate) {
      others.push_back(op.of_columns.samples.data[candidate->place]);
    }
    candidates.erase(lowest, candidates.end());
    std::sort(others.begin(), others.end());  // in the order in which they lie in memory
    squared.resize(others.size());
    const Index sample = op.of_rows.samples.data[place];
    squared_distances(op.rows.row(sample), op.columns.data, op.columns.stride[0], others.data(),
                      std::ssize(others), op.columns.shape[1], squared.data());
    require_finite(squared);
    row.measured += std::ssize(others);
    for (std::size_t o = 0; o < others.size(); ++o) row.nearest.emplace_back(squared[o], others[o]);
    if (std::ssize(row.nearest) < op.k) return;
    const auto kth = row.nearest.begin() + op.k - 1;
    if (std::ssize(row.nearest) > op.k) {
      std::nth_element(row.nearest.begin(), kth + 1, row.nearest.end());
      row.nearest.resize(static_cast<std::size_t>(op.k + 1));
    }
    std::nth_element(row.nearest.begin(), kth, kth + 1);
    row.kth = kth->first;
    row.list.limit = std::nextafter(static_cast<float>(row.kth / op.unit), kUnlimited);
  }

  void write() {
    for (Index r = 0; r < static_cast<Index>(rows.size()); ++r) {
      Row& row = rows[static_cast<std::size_t>(r)];
      const Index sample = op.of_rows.samples.data[first + r];
      sort_neighbors(row.nearest, sorted, ends);
      for (Index e = 0; e < op.k; ++e) {
        op.squared.row(sample)[e] = row.nearest[static_cast<std::size_t>(e)].first;
        op.indices.row(sample)[e] = row.nearest[static_cast<std::size_t>(e)].second;
      }
      const auto k = static_cast<std::size_t>(op.k);
      op.ties.data[sample] = row.nearest.size() > k && row.nearest[k].first == row.nearest[k - 1].first;
      op.measured.data[sample] = static_cast<std::int32_t>(row.measured);
    }
  }
};

// The columns' panels, from the one whose mean is nearest to that of the rows' panel.
std::vector<std::int32_t> nearest_panels(const float* mean, const std::vector<float>& means, Index length) {
  const Index panels = std::ssize(means) / length;
  std::vector<Neighbor> neighbors;
  for (Index p = 0; p < panels; ++p) {
    double squared = 0;
    for (Index d = 0; d < length; ++d) {
      const double difference =
          static_cast<double>(mean[d]) - means[static_cast<std::size_t>(p * length + d)];
      squared += difference * difference;
    }
    neighbors.emplace_back(squared, static_cast<std::int32_t>(p));
  }
  std::sort(neighbors.begin(), neighbors.end());
  std::vector<std::int32_t> result;
  result.reserve(neighbors.size());
  for (const Neighbor& neighbor : neighbors) result.push_back(neighbor.second);
  return result;
}

template <class T>
void search(const ScanNeighbors<T>& op) {
  const Index length = op.of_rows.panels.shape[1];
  const std::vector<float> row_means = panel_means(op.of_rows);
  const std::vector<float> column_means = panel_means(op.of_columns);
  parallel_for(op.of_rows.panels.shape[0], [&](Index panel) {
    PanelSearch<T> search(op, panel, nearest_panels(row_means.data() + panel * length, column_means, length));
    search.scan();
    search.write();
  });
}

}  // namespace

template <>
void run(const ScanNeighbors<float>& op) {
  search(op);
}
template <>
void run(const ScanNeighbors<double>& op) {
  search(op);
}

}  // namespace bitlens::cpu
