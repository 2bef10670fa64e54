// Distances of all sample pairs of a channel, as one-byte bin codes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/numerics.hpp"
#include "core/ops/distance_codes.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/bins.hpp"
#include "cpu/simd/pair_distances.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kRows = 32;  // of a block of pairs; they are compared with kColumns other points at a time
constexpr Index kColumns = 16;
static_assert(kRows % kColumns == 0 && kRows % kRowsTogether == 0 && kColumns % kColumnsTogether == 0);

std::size_t sized(Index size) { return static_cast<std::size_t>(size); }

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = 0;
};

// The distances of one channel at a time, which limits the memory.
class ChannelDistances {
 public:
  ChannelDistances(Index n, Index length)
      : n_(n),
        length_(length),
        stride_(round_up(length, kPointLanes)),
        points_(sized(round_up(n, kRows) * stride_)),
        distances_(sized(pair_count(n))),
        ranges_(sized(blocks())) {}

  template <class T>
  Range measure(View<const T, 3> maps, Index channel) {
    parallel_for(blocks(), [&](Index block) {
      for (Index i = block * kRows; i < std::min(n_, (block + 1) * kRows); ++i) {
        const T* map = maps.row(i, channel);
        std::copy(map, map + length_, points_.data() + i * stride_);
      }
    });
    parallel_for(blocks(), [&](Index block) { ranges_[sized(block)] = measure_rows(block * kRows); });
    Range range;
    for (const Range& of_rows : ranges_) {
      range = {std::min(range.low, of_rows.low), std::max(range.high, of_rows.high)};
    }
    return range;
  }

  void bin(const Range& range, Index bins, std::uint8_t* codes) const {
    const Bins scheme(range.low, range.high, static_cast<int>(bins));
    parallel_for(blocks(), [&](Index block) {
      const Index first = first_pair(block * kRows);
      const Index end = first_pair(std::min(n_ - 1, (block + 1) * kRows));
      bin_indices(distances_.data() + first, end - first, scheme, codes + first);
    });
  }

 private:
  Index blocks() const { return ceil_div(n_, kRows); }
  Index first_pair(Index i) const { return pair_index(n_, i, i + 1); }

  // Measures all pairs of kRows samples with the samples that follow them.
  Range measure_rows(Index first) {
    double squared[kRows * kColumns];
    Range range;
    for (Index column = first; column < n_; column += kColumns) {
      pair_loops().squared_distances(points_.data() + first * stride_, kRows,
                                     points_.data() + column * stride_, kColumns, stride_, squared);
      for (Index r = 0; r < std::min(kRows, n_ - first); ++r) {
        const Index i = first + r;
        double* row = distances_.data() + first_pair(i) - (i + 1);
        for (Index j = std::max(column, i + 1); j < std::min(n_, column + kColumns); ++j) {
          row[j] = std::sqrt(squared[r * kColumns + j - column]);
          range = {std::min(range.low, row[j]), std::max(range.high, row[j])};
        }
      }
    }
    return range;
  }

  Index n_, length_, stride_;
  std::vector<double> points_;     // [n, stride], padded with zeros on both axes
  std::vector<double> distances_;  // of all pairs i < j
  std::vector<Range> ranges_;      // of each block of rows
};

template <class T>
void find_codes(const DistanceCodes<T>& op) {
  const auto& [maps, bins, codes, ranges, workspace] = op;
  ChannelDistances distances(maps.shape[0], maps.shape[2]);
  for (Index channel = 0; channel < maps.shape[1]; ++channel) {
    const Range range = distances.measure(maps, channel);
    distances.bin(range, bins, codes.row(channel));
    ranges.row(channel)[0] = range.low;
    ranges.row(channel)[1] = range.high;
  }
}

}  // namespace

template <>
void run(const DistanceCodes<float>& op) {
  find_codes(op);
}
template <>
void run(const DistanceCodes<double>& op) {
  find_codes(op);
}

}  // namespace bitlens::cpu
