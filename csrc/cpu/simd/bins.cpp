// The loops over values that find their range and their bins.
#include "cpu/simd/bins.hpp"

#include "cpu/simd/vectors.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

// `nothing` sums value - value, which is 0 unless a value is NaN or infinite.
template <class T>
Ends range_of(const T* values, Index count) {
  constexpr Index kLanes = 256 / sizeof(T);
  T low[kLanes];
  T high[kLanes];
  T nothing[kLanes] = {};
  for (Index l = 0; l < kLanes; ++l) low[l] = high[l] = values[0];
  Index v = 0;
  for (; v + kLanes <= count; v += kLanes) {
    for (Index l = 0; l < kLanes; ++l) {
      const T value = values[v + l];
      low[l] = value < low[l] ? value : low[l];
      high[l] = value > high[l] ? value : high[l];
      nothing[l] += value - value;
    }
  }
  for (Index l = 0; v < count; ++v, ++l) {
    low[l] = values[v] < low[l] ? values[v] : low[l];
    high[l] = values[v] > high[l] ? values[v] : high[l];
    nothing[l] += values[v] - values[v];
  }
  for (Index l = 1; l < kLanes; ++l) {
    low[0] = low[l] < low[0] ? low[l] : low[0];
    high[0] = high[l] > high[0] ? high[l] : high[0];
    nothing[0] += nothing[l];
  }
  return {static_cast<double>(low[0] + nothing[0]), static_cast<double>(high[0] + nothing[0])};
}

template <class T>
void bin_indices(const T* values, Index count, const Bins& bins, std::uint8_t* indices) {
  const Bins scheme = bins;  // a copy, so that no store in the loop can change it
  for (Index v = 0; v < count; ++v) {
    indices[v] = static_cast<std::uint8_t>(scheme.index(static_cast<double>(values[v])));
  }
}

// float32 arithmetic finds the bin of most float32 values with certainty, at more than twice the speed.
struct FloatBins {
  float low;
  float scale;
  float last;
  float doubt;  // how far a position, in bins, may be off

  // Returns false if the range does not fit float32, or if many values would be in doubt.
  bool set(const Bins& bins) {
    const double size = bins.low < 0 ? -bins.low : bins.low;
    const double span = bins.high - bins.low;
    if (!(size < 0x1p100 && span > 0x1p-100 && span < 0x1p100)) return false;
    low = static_cast<float>(bins.low);
    scale = static_cast<float>(bins.scale);
    last = static_cast<float>(bins.count - 1);
    // The difference, the scale and the product are each rounded, and so is the lowest edge. The other edges
    // have errors in their last bits.
    const double off = bins.low > low ? bins.low - low : low - bins.low;
    const double most = bins.count * 0x1p-22 + (off + (size + span) * 0x1p-44) * bins.scale;
    doubt = most < 1 ? static_cast<float>(most) : 1.0F;
    return doubt < 0x1p-6F;
  }
};

using Floats = Vector<float>;
using Bytes = VectorOf<std::uint8_t, kWidth<float>>::type;

void bin_floats(const float* values, Index count, const Bins& bins, std::uint8_t* indices) {
  constexpr Index kBlock = 64;
  constexpr float kRound = 0x1.8p23F;  // adding it leaves the nearest integer
  FloatBins scheme;
  if (count < kBlock || !scheme.set(bins)) return bin_indices(values, count, bins, indices);
  for (Index next = 0; next < count; next += kBlock) {
    const Index start = next + kBlock < count ? next : count - kBlock;  // the last block reaches back
    Vector<std::int32_t> doubtful = {};
    for (Index v = start; v < start + kBlock; v += kWidth<float>) {
      const Floats position = (load(values + v) - scheme.low) * scheme.scale;
      const Floats edge = position + kRound - kRound;
      const Floats distance = position > edge ? position - edge : edge - position;
      // No value is beyond the first and the last edge.
      doubtful |= (distance <= scheme.doubt) & (edge > 0) & (edge <= scheme.last);
      const Floats below = position < scheme.last ? position : Floats{} + scheme.last;
      const Floats inside = below > 0 ? below : Floats{};
      const auto index =
          __builtin_convertvector(__builtin_convertvector(inside, Vector<std::int32_t>), Bytes);
      __builtin_memcpy(indices + v, &index, sizeof index);
    }
    std::int32_t any = 0;
    for (Index l = 0; l < kWidth<float>; ++l) any |= doubtful[l];
    if (any) bin_indices(values + start, kBlock, bins, indices + start);
  }
}

void xlog2x_of(const std::int32_t* counts, Index size, double* terms) {
  for (Index c = 0; c < size; ++c) terms[c] = xlog2x(counts[c]);
}

}  // namespace

const BinLoops bin_loops = {range_of<float>, range_of<double>, bin_floats, bin_indices<double>, xlog2x_of};

}  // namespace bitlens::cpu::BITLENS_ISA
