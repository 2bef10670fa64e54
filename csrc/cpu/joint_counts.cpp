// Joint counts of code pairs, kept or reduced to entropies at once.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/numerics.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"

namespace bitlens::cpu {
namespace {

using Codes = View<const std::uint8_t, 2>;

constexpr Index kGroup = 4;         // channels of b that share one pass over a channel of a
constexpr Index kTableSize = 4096;  // counts below it, nearly all, need no logarithm

void check_codes(Codes a, Codes b, Index bins) {
  require_bins(bins);
  require(a.shape[1] == b.shape[1], "b: expected the " + std::to_string(a.shape[1]) +
                                        " sample pairs of a, got " + std::to_string(b.shape[1]));
  for (const Codes& codes : {a, b}) {
    for (Index c = 0; c < codes.shape[0]; ++c) {
      const std::uint8_t* row = codes.row(c);
      const std::uint8_t largest = codes.shape[1] ? *std::max_element(row, row + codes.shape[1]) : 0;
      require(largest < bins, "codes: found code " + std::to_string(largest) +
                                  ", expected below bins = " + std::to_string(bins));
    }
  }
}

// Calls finished(channel a, channel b, counts) for every channel pair; counts is bins * bins, row-major in
// a's code.
template <class Finished>
void for_each_pair(Codes a, Codes b, Index bins, Finished&& finished) {
  const Index groups = (b.shape[0] + kGroup - 1) / kGroup;
  const Index cells = bins * bins;
  parallel_for(a.shape[0] * groups, [&](Index task) {
    const Index channel = task / groups;
    const Index first = task % groups * kGroup;
    const Index width = std::min(kGroup, b.shape[0] - first);
    const std::uint8_t* x = a.row(channel);
    std::vector<Index> counts(static_cast<std::size_t>(cells * kGroup));
    Index* cell = counts.data();
    if (width == kGroup) {
      const std::uint8_t* y[kGroup] = {b.row(first), b.row(first + 1), b.row(first + 2), b.row(first + 3)};
      for (Index p = 0; p < a.shape[1]; ++p) {
        const Index row = x[p] * bins;
        for (Index g = 0; g < kGroup; ++g) ++cell[g * cells + row + y[g][p]];
      }
    } else {
      for (Index g = 0; g < width; ++g) {
        const std::uint8_t* y = b.row(first + g);
        for (Index p = 0; p < a.shape[1]; ++p) ++cell[g * cells + x[p] * bins + y[p]];
      }
    }
    for (Index g = 0; g < width; ++g) finished(channel, first + g, cell + g * cells);
  });
}

}  // namespace

void joint_counts(Codes a, Codes b, Index bins, View<Index, 3> counts) {
  check_codes(a, b, bins);
  require_size(counts.shape[0], a.shape[0], "counts: channels of a");
  require_size(counts.shape[1], b.shape[0], "counts: channels of b");
  require_size(counts.shape[2], bins * bins, "counts: bins * bins");
  for_each_pair(a, b, bins, [&](Index i, Index j, const Index* cell) {
    std::copy(cell, cell + bins * bins, counts.row(i, j));
  });
}

void joint_entropies(Codes a, Codes b, Index bins, View<double, 2> entropies) {
  check_codes(a, b, bins);
  require(a.shape[1] >= 1, "a: no sample pairs");
  require_size(entropies.shape[0], a.shape[0], "entropies: channels of a");
  require_size(entropies.shape[1], b.shape[0], "entropies: channels of b");
  std::vector<double> table(static_cast<std::size_t>(std::min(kTableSize, a.shape[1] + 1)));
  for (std::size_t c = 0; c < table.size(); ++c) table[c] = xlog2x(static_cast<double>(c));
  const double total = static_cast<double>(a.shape[1]);
  for_each_pair(a, b, bins, [&](Index i, Index j, const Index* cell) {
    double sum = 0;
    for (Index c = 0; c < bins * bins; ++c) {
      const auto count = static_cast<std::size_t>(cell[c]);
      sum += count < table.size() ? table[count] : xlog2x(static_cast<double>(count));
    }
    entropies.row(i)[j] = std::max(0.0, std::log2(total) - sum / total);
  });
}

}  // namespace bitlens::cpu
