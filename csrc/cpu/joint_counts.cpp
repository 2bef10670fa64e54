// Joint counts of code pairs, stored or reduced to entropies.
#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "core/numerics.hpp"
#include "core/ops/joint_counts.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/carry_save_counters.hpp"

namespace bitlens::cpu {
namespace {

using Codes = View<const std::uint8_t, 2>;

constexpr Index kTileA = 64;  // channels of a and of b whose counters are in memory at a time
constexpr Index kTileB = 128;
constexpr Index kChannelsPerTask = 8;  // of a: they share the rows of b while those are in the cache
constexpr Index kBlocksAtOnce = 8;     // of pairs, between two starts of the threads
constexpr Index kTableSize = 1 << 16;  // nearly all counts are below it and need no logarithm

std::size_t sized(Index size) { return static_cast<std::size_t>(size); }

void require_below_bins(Codes a, Codes b, Index bins) {
  for (const auto& [codes, name] : {std::pair(a, "a"), std::pair(b, "b")}) {
    parallel_for(codes.shape[0], [&, codes = codes, name = name](Index c) {
      std::uint8_t largest = 0;
      for (Index p = 0; p < codes.shape[1]; ++p) largest = std::max(largest, codes.row(c)[p]);
      require(largest < bins, std::string(name) + ": found code " + std::to_string(largest) +
                                  ", expected codes below bins = " + std::to_string(bins));
    });
  }
}

Codes channels_of(Codes codes, Index first, Index count) {
  return {codes.row(first), {std::min(count, codes.shape[0] - first), codes.shape[1]}, {codes.stride[0], 1}};
}

// Counts tiles of channel pairs with carry-save adders: the rows of b's codes are added for every code of a.
class CarrySaveCounters {
 public:
  CarrySaveCounters(Index pairs, Index bins)
      : bins_(bins),
        one_hot_(OneHot::of(bins)),
        blocks_(ceil_div(pairs, kRowsPerBlock)),
        depth_(std::max<Index>(kLeastDepth, 64 - std::countl_zero(static_cast<std::uint64_t>(pairs)))) {}

  void count(Codes a, Codes b) {
    a_ = a;
    b_ = b;
    groups_ = ceil_div(b.shape[0], one_hot_.channels);
    const Index at_once = std::min(kBlocksAtOnce, blocks_);
    planes_.assign(sized(a_.shape[0] * groups_ * bins_ * depth_), {});
    rows_.resize(sized(groups_ * at_once * kRowsPerBlock * one_hot_.channels));
    order_.resize(sized(a_.shape[0] * at_once * kRowsPerBlock));
    starts_.resize(sized(a_.shape[0] * at_once * (bins_ + 1)));
    for (Index first = 0; first < blocks_; first += at_once) {
      const Index blocks = std::min(at_once, blocks_ - first);
      prepare(first, blocks);
      add(blocks);
    }
  }

  Index groups() const { return groups_; }
  Index channels_per_group() const { return one_hot_.channels; }

  // counts[code of a][code of b][channel of the group].
  void counts_of(Index channel_a, Index group, std::int32_t* counts) const {
    for (Index code = 0; code < bins_; ++code) {
      counter_loops().expand(planes_.data() + planes_at(channel_a, group) + code * depth_, depth_, one_hot_,
                             bins_, counts + code * bins_ * one_hot_.channels);
    }
  }

 private:
  Index pairs_in(Index block) const { return std::min(kRowsPerBlock, a_.shape[1] - block * kRowsPerBlock); }
  Index planes_at(Index channel_a, Index group) const {
    return (channel_a * groups_ + group) * bins_ * depth_;
  }
  std::uint8_t* rows_at(Index slot, Index group) {
    return rows_.data() + (slot * groups_ + group) * kRowsPerBlock * one_hot_.channels;
  }
  std::uint16_t* order_at(Index slot, Index channel) {
    return order_.data() + (slot * a_.shape[0] + channel) * kRowsPerBlock;
  }
  std::int32_t* starts_at(Index slot, Index channel) {
    return starts_.data() + (slot * a_.shape[0] + channel) * (bins_ + 1);
  }

  // The rows of b and the order of a for a run of blocks.
  void prepare(Index first, Index blocks) {
    const Index tasks = groups_ + a_.shape[0];
    parallel_for(blocks * tasks, [&](Index task) {
      const Index slot = task / tasks;
      const Index offset = (first + slot) * kRowsPerBlock;
      if (const Index group = task % tasks; group < groups_) {
        const Index channel = group * one_hot_.channels;
        counter_loops().gather_rows(b_.row(channel) + offset, b_.stride[0], b_.shape[0] - channel,
                                    pairs_in(first + slot), one_hot_, rows_at(slot, group));
      } else {
        const Index channel = group - groups_;
        counter_loops().sort(a_.row(channel) + offset, pairs_in(first + slot), bins_, one_hot_,
                             order_at(slot, channel), starts_at(slot, channel));
      }
    });
  }

  void add(Index blocks) {
    const Index chunks = ceil_div(a_.shape[0], kChannelsPerTask);
    parallel_for(chunks * groups_, [&](Index task) {
      const Index group = task % groups_;
      const Index begin = task / groups_ * kChannelsPerTask;
      const Index end = std::min(begin + kChannelsPerTask, a_.shape[0]);
      for (Index slot = 0; slot < blocks; ++slot) {
        for (Index channel = begin; channel < end; ++channel) {
          counter_loops().add(rows_at(slot, group), one_hot_, order_at(slot, channel),
                              starts_at(slot, channel), bins_, planes_.data() + planes_at(channel, group),
                              depth_);
        }
      }
    });
  }

  Codes a_{}, b_{};
  Index bins_;
  OneHot one_hot_;
  Index groups_ = 0, blocks_, depth_;
  std::vector<Plane> planes_;         // [channel of a, group of b, code of a, depth]
  std::vector<std::uint8_t> rows_;    // [block, group of b, pair, channel of the group]
  std::vector<std::uint16_t> order_;  // [block, channel of a, pairs in the order of their codes]
  std::vector<std::int32_t> starts_;  // [block, channel of a, code of a]
};

// Counts one pair of channels without adders.
void scatter(const std::uint8_t* x, const std::uint8_t* y, Index pairs, Index bins, std::int32_t* counts) {
  std::fill(counts, counts + bins * bins, 0);
  for (Index p = 0; p < pairs; ++p) ++counts[x[p] * bins + y[p]];
}

// The counts of a channel of a with `channels` channels of b from `first` on: counts[cell * lanes + c], where
// cell is code of a * bins + code of b.
struct Counted {
  Index channel_a;
  Index first;
  Index channels;
  Index lanes;
  const std::int32_t* counts;
};

// Calls finished(Counted) until every channel pair was in one.
template <class Finished>
void for_each_count(Codes a, Codes b, Index bins, Finished&& finished) {
  const Index cells = bins * bins;
  const bool adders_pay_off = bins <= 64 && b.shape[0] >= 4 && a.shape[0] * b.shape[0] >= 8;
  if (!adders_pay_off) {
    parallel_for(a.shape[0] * b.shape[0], [&](Index pair) {
      const Index i = pair / b.shape[0];
      const Index j = pair % b.shape[0];
      std::vector<std::int32_t> counts(sized(cells));
      scatter(a.row(i), b.row(j), a.shape[1], bins, counts.data());
      finished(Counted{i, j, 1, 1, counts.data()});
    });
    return;
  }
  CarrySaveCounters counters(a.shape[1], bins);
  for (Index i = 0; i < a.shape[0]; i += kTileA) {
    for (Index j = 0; j < b.shape[0]; j += kTileB) {
      const Codes x = channels_of(a, i, kTileA);
      const Codes y = channels_of(b, j, kTileB);
      counters.count(x, y);
      const Index lanes = counters.channels_per_group();
      parallel_for(x.shape[0] * counters.groups(), [&](Index task) {
        const Index channel = task / counters.groups();
        const Index group = task % counters.groups();
        std::vector<std::int32_t> counts(sized(cells * lanes));
        counters.counts_of(channel, group, counts.data());
        finished(Counted{i + channel, j + group * lanes, std::min(lanes, y.shape[0] - group * lanes), lanes,
                         counts.data()});
      });
    }
  }
}

// Entropies of tables of the same total, log2 N - (sum c log2 c) / N.
class Entropies {
 public:
  explicit Entropies(Index total)
      : total_(static_cast<double>(total)),
        table_(std::min(sized(kTableSize), std::bit_ceil(sized(total) + 1))) {
    for (std::size_t c = 0; c < table_.size(); ++c) table_[c] = xlog2x(static_cast<double>(c));
  }

  double of(const std::vector<std::int32_t>& counts) const {
    double sum = 0;
    for (const std::int32_t count : counts) sum += term(count);
    return from(sum);
  }

  // Of `lanes` tables side by side: counts[c * lanes + l].
  void of_all(const std::int32_t* counts, Index size, Index lanes, double* entropies) const {
    if (lanes == 16) return of_lanes<16>(counts, size, entropies);
    if (lanes == 8) return of_lanes<8>(counts, size, entropies);
    of_lanes<1>(counts, size, entropies);
  }

  static constexpr Index kMaxLanes = 16;

 private:
  template <Index Lanes>
  void of_lanes(const std::int32_t* counts, Index size, double* entropies) const {
    // The bits that any count has: below the table's size, a power of two, if all counts are below it.
    std::int32_t bits = 0;
    for (Index c = 0; c < size * Lanes; ++c) bits |= counts[c];
    double sums[Lanes] = {};
    if (bits < std::ssize(table_)) {
      for (Index c = 0; c < size; ++c) {
        for (Index l = 0; l < Lanes; ++l)
          sums[l] += table_[static_cast<std::uint32_t>(counts[c * Lanes + l])];
      }
    } else {
      for (Index c = 0; c < size; ++c) {
        for (Index l = 0; l < Lanes; ++l) sums[l] += term(counts[c * Lanes + l]);
      }
    }
    for (Index l = 0; l < Lanes; ++l) entropies[l] = from(sums[l]);
  }

  double term(std::int32_t count) const {
    return count < std::ssize(table_) ? table_[static_cast<std::uint32_t>(count)]
                                      : xlog2x(static_cast<double>(count));
  }
  double from(double sum) const { return entropy_of_sums(total_, sum); }

  double total_;
  std::vector<double> table_;
};

// Counts of one channel alone, from those of a pair that it is in.
std::vector<std::int32_t> marginal(const std::int32_t* counts, Index lanes, Index bins, bool of_a) {
  std::vector<std::int32_t> sums(sized(bins));
  for (Index cell = 0; cell < bins * bins; ++cell) {
    sums[sized(of_a ? cell / bins : cell % bins)] += counts[cell * lanes];
  }
  return sums;
}

}  // namespace

template <>
void run(const JointCounts& op) {
  const auto& [a, b, bins] = op.codes;
  require_below_bins(a, b, bins);
  const Index cells = bins * bins;
  for_each_count(a, b, bins, [&](const Counted& counted) {
    for (Index c = 0; c < counted.channels; ++c) {
      Index* out = op.counts.row(counted.channel_a, counted.first + c);
      for (Index cell = 0; cell < cells; ++cell) out[cell] = counted.counts[cell * counted.lanes + c];
    }
  });
}

template <>
void run(const CodeEntropies& op) {
  const Index bins = op.codes.bins;
  require_below_bins(op.codes.a, op.codes.b, bins);
  const Entropies entropies(op.codes.a.shape[1]);
  for_each_count(op.codes.a, op.codes.b, bins, [&](const Counted& counted) {
    double of_pairs[Entropies::kMaxLanes];
    entropies.of_all(counted.counts, bins * bins, counted.lanes, of_pairs);
    std::copy(of_pairs, of_pairs + counted.channels, op.joint.row(counted.channel_a) + counted.first);
    if (counted.first == 0) {
      const auto sums = marginal(counted.counts, counted.lanes, bins, true);
      op.entropies_a.data[counted.channel_a] = entropies.of(sums);
    }
    for (Index c = 0; counted.channel_a == 0 && c < counted.channels; ++c) {
      const auto sums = marginal(counted.counts + c, counted.lanes, bins, false);
      op.entropies_b.data[counted.first + c] = entropies.of(sums);
    }
  });
}

}  // namespace bitlens::cpu
