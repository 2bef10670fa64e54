// Sorting and checking of measured neighbours.
#include "cpu/nearest_list.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace bitlens::cpu {

// Sorts first into equal buckets between the smallest and the largest distance: neighbours' distances are
// spread so evenly that few comparisons remain.
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

// Sorting needs an order, which NaN does not have, and finite differences. The sums are independent, so that
// they are vectorised.
void require_finite(const std::vector<double>& squared) {
  constexpr std::size_t lanes = 8;
  double unsound[lanes] = {};  // 0, or NaN once a distance is not finite
  std::size_t i = 0;
  for (; i + lanes <= squared.size(); i += lanes) {
    for (std::size_t l = 0; l < lanes; ++l) unsound[l] += squared[i + l] - squared[i + l];
  }
  for (; i < squared.size(); ++i) unsound[0] += squared[i] - squared[i];
  for (const double lane : unsound) {
    if (lane != 0) throw std::invalid_argument("x: expected finite squared distances, got NaN or infinity");
  }
}

}  // namespace bitlens::cpu
