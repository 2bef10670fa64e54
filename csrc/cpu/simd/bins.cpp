// The loops over values of bin indices.
#include "cpu/simd/bins.hpp"

namespace bitlens::cpu::BITLENS_LEVEL {
namespace {

// Values less themselves add up to 0, unless one of them is NaN or infinite.
template <class T>
ValueRange range_of(const T* values, Index count) {
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
  const Bins scheme = bins;  // of this loop's own, so that no store can change it
  for (Index v = 0; v < count; ++v) {
    indices[v] = static_cast<std::uint8_t>(scheme.index(static_cast<double>(values[v])));
  }
}

}  // namespace

const BinLoops bin_loops = {range_of<float>, range_of<double>, bin_indices<float>, bin_indices<double>};

}  // namespace bitlens::cpu::BITLENS_LEVEL
