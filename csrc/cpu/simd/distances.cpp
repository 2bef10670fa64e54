// The loops over the values of two samples.
#include "cpu/simd/distances.hpp"

#include "cpu/simd/vectors.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

using Doubles = Vector<double>;

constexpr Index kLanes = 8;  // of a sum, for every instruction set
// Points that share the loads of x and hide each other's latency.
constexpr Index kTogether = kWidth<double> > 2 ? 4 : 2;

template <class T>
BITLENS_ALWAYS_INLINE Doubles as_doubles(const T* values) {
  Doubles lanes;
  for (Index l = 0; l < kWidth<double>; ++l) lanes[l] = values[l];
  return lanes;
}

// Every lane sums its own values and the lanes are added in order. So the result of a pair depends neither on
// the width of the registers nor on the other pairs.
template <Index Count, class T>
BITLENS_ALWAYS_INLINE void squared_distances_to(const T* x, const T* const* y, const T* const* next,
                                                Index length, double* out) {
  Doubles sums[Count][kLanes / kWidth<double>] = {};
  Index d = 0;
  for (; d + kLanes <= length; d += kLanes) {
    for (Index q = 0; q < Count; ++q) __builtin_prefetch(next[q] + d);
    for (Index part = 0; part < kLanes / kWidth<double>; ++part) {
      const Doubles values = as_doubles(x + d + part * kWidth<double>);
      for (Index q = 0; q < Count; ++q) {
        const Doubles difference = values - as_doubles(y[q] + d + part * kWidth<double>);
        sums[q][part] += difference * difference;
      }
    }
  }
  for (Index q = 0; q < Count; ++q) {
    double sum = 0;
    for (Index l = 0; l < kLanes; ++l) sum += sums[q][l / kWidth<double>][l % kWidth<double>];
    for (Index tail = d; tail < length; ++tail) {
      const double difference = static_cast<double>(x[tail]) - static_cast<double>(y[q][tail]);
      sum += difference * difference;
    }
    out[q] = sum;
  }
}

template <class T>
void squared_distances(const T* x, const T* rows, Index stride, const std::int32_t* which, Index count,
                       Index length, double* out) {
  const auto row = [&](Index r) { return rows + (which ? which[r] : r) * stride; };
  const T* y[kTogether];
  const T* next[kTogether];
  Index r = 0;
  for (; r + kTogether <= count; r += kTogether) {
    for (Index q = 0; q < kTogether; ++q) {
      y[q] = row(r + q);
      next[q] = row(r + kTogether + q < count ? r + kTogether + q : count - 1);
    }
    squared_distances_to<kTogether>(x, y, next, length, out + r);
  }
  for (; r < count; ++r) {
    y[0] = row(r);
    squared_distances_to<1>(x, y, y, length, out + r);
  }
}

}  // namespace

const DistanceLoops distance_loops = {squared_distances<float>, squared_distances<double>};

}  // namespace bitlens::cpu::BITLENS_ISA
