// Counts of the values of each channel between its edges, for each class.
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <vector>

#include "core/ops/label_counts.hpp"
#include "cpu/parallel.hpp"

namespace bitlens::cpu {

namespace {

// Channels that one task counts together: the single values of a sample's adjacent channels are in one cache
// line.
constexpr Index kChannels = 16;

// Values that one task counts: some 10 ms, after which an interrupt is noticed.
constexpr Index kValuesPerTask = Index{1} << 21;

// Some adjacent channels of some samples.
struct Part {
  Index first_sample;
  Index samples;
  Index first_channel;
  Index channels;
};

// Finds a value's bin by a guess, which is right up to rounding if the bins are equally wide, and then by
// comparison with the edges.
struct Edges {
  const double* edges;
  Index count;
  double scale;

  Edges(const double* first, Index size) : edges(first), count(size), scale(0) {
    const double span = size > 1 ? first[size - 1] - first[0] : 0;
    if (span > 0 && std::isfinite(span)) scale = static_cast<double>(size - 1) / span;
  }

  Index bin(double value) const {
    const double guess = (value - edges[0]) * scale + 1;
    Index bin = guess > 0 ? static_cast<Index>(std::min(guess, static_cast<double>(count))) : 0;
    while (bin > 0 && value < edges[bin - 1]) --bin;
    while (bin < count && value >= edges[bin]) ++bin;
    return bin;
  }
};

template <class T>
void count_values(const T* values, Index size, const Edges& edges, Index* histogram) {
  if (edges.count == 1) {
    Index on = 0;
    for (Index v = 0; v < size; ++v) on += static_cast<double>(values[v]) >= edges.edges[0];
    histogram[0] += size - on;
    histogram[1] += on;
  } else {
    for (Index v = 0; v < size; ++v) ++histogram[edges.bin(static_cast<double>(values[v]))];
  }
}

// The smallest value of the type T that is at least the edge: values of T compare with it as with the edge.
template <class T>
T first_from(double edge) {
  using Limits = std::numeric_limits<T>;
  if (edge > static_cast<double>(Limits::max())) return Limits::infinity();
  if (edge < static_cast<double>(Limits::lowest())) return Limits::lowest();
  const T rounded = static_cast<T>(edge);
  return static_cast<double>(rounded) < edge ? std::nextafter(rounded, Limits::infinity()) : rounded;
}

// Counts how often neurons with a single value are on. The counts are [channels, classes, 2].
template <class T>
void count_neurons(const LabelCounts<T>& op, const Part& part, Index* counts) {
  const Index classes = op.counts.shape[1];
  T edge[kChannels] = {};
  for (Index c = 0; c < part.channels; ++c) edge[c] = first_from<T>(op.edges.row(part.first_channel + c)[0]);
  std::vector<std::int32_t> on(static_cast<std::size_t>(classes * kChannels));
  std::vector<Index> samples(static_cast<std::size_t>(classes));
  for (Index i = part.first_sample; i < part.first_sample + part.samples; ++i) {
    const T* values = op.maps.row(i, part.first_channel);
    const Index label = op.labels.data[i];
    std::int32_t* of_class = on.data() + label * kChannels;
    ++samples[static_cast<std::size_t>(label)];
    for (Index c = 0; c < part.channels; ++c) of_class[c] += values[c] >= edge[c];
  }
  for (Index c = 0; c < part.channels; ++c) {
    for (Index y = 0; y < classes; ++y) {
      const Index count = on[static_cast<std::size_t>(y * kChannels + c)];
      counts[2 * (c * classes + y)] = samples[static_cast<std::size_t>(y)] - count;
      counts[2 * (c * classes + y) + 1] = count;
    }
  }
}

// Counts values in bins. The counts are [channels, classes, bins] and start with 0.
template <class T>
void count_maps(const LabelCounts<T>& op, const Part& part, Index* counts) {
  const Index classes = op.counts.shape[1];
  const Index bins = op.counts.shape[2];
  std::vector<Edges> of_channels;
  of_channels.reserve(static_cast<std::size_t>(part.channels));
  for (Index c = 0; c < part.channels; ++c) {
    of_channels.emplace_back(op.edges.row(part.first_channel + c), op.edges.shape[1]);
  }
  for (Index i = part.first_sample; i < part.first_sample + part.samples; ++i) {
    for (Index c = 0; c < part.channels; ++c) {
      count_values(op.maps.row(i, part.first_channel + c), op.maps.shape[2],
                   of_channels[static_cast<std::size_t>(c)],
                   counts + (c * classes + op.labels.data[i]) * bins);
    }
  }
}

// Every task counts in separate memory and adds that to the result, which takes less time if the task has
// many more values than there are counts.
template <class T>
void count(const LabelCounts<T>& op) {
  const View<const T, 3> maps = op.maps;
  const View<Index, 3> counts = op.counts;
  const Index table = counts.shape[1] * counts.shape[2];  // counts of a channel
  const bool neurons = maps.shape[2] == 1 && maps.stride[1] == 1 && op.edges.shape[1] == 1;
  const Index least_values = std::max(kValuesPerTask / kChannels, 4 * table);  // of a channel
  const Index samples = ceil_div(least_values, std::max<Index>(maps.shape[2], 1));
  const Index groups = ceil_div(maps.shape[1], kChannels);
  for (Index c = 0; c < counts.shape[0]; ++c) {
    for (Index y = 0; y < counts.shape[1]; ++y) std::fill_n(counts.row(c, y), counts.shape[2], Index{0});
  }
  std::mutex adding;
  parallel_for(groups * ceil_div(maps.shape[0], samples), [&](Index task) {
    const Index first_sample = task / groups * samples;
    const Index first_channel = task % groups * kChannels;
    const Part part{first_sample, std::min(samples, maps.shape[0] - first_sample), first_channel,
                    std::min(kChannels, maps.shape[1] - first_channel)};
    std::vector<Index> own(static_cast<std::size_t>(part.channels * table));
    (neurons ? count_neurons<T> : count_maps<T>)(op, part, own.data());
    const std::lock_guard lock(adding);
    const Index* from = own.data();
    for (Index c = 0; c < part.channels; ++c) {
      for (Index y = 0; y < counts.shape[1]; ++y) {
        Index* to = counts.row(first_channel + c, y);
        for (Index b = 0; b < counts.shape[2]; ++b) to[b] += *from++;
      }
    }
  });
}

}  // namespace

template <>
void run(const LabelCounts<float>& op) {
  count(op);
}
template <>
void run(const LabelCounts<double>& op) {
  count(op);
}

}  // namespace bitlens::cpu
