// The loops over values of direct distances.
#include "cpu/simd/distances.hpp"

namespace bitlens::cpu::BITLENS_LEVEL {
namespace {

// Independent sums, so that the compiler may use vector registers of any width without changing the result.
constexpr Index kLanes = 16;

template <class T>
double squared_distance(const T* x, const T* y, Index length) {
  double lane[kLanes] = {};
  Index d = 0;
  for (; d + kLanes <= length; d += kLanes) {
    for (Index l = 0; l < kLanes; ++l) {
      const double difference = static_cast<double>(x[d + l]) - static_cast<double>(y[d + l]);
      lane[l] += difference * difference;
    }
  }
  double sum = 0;
  for (Index l = 0; l < kLanes; ++l) sum += lane[l];
  for (; d < length; ++d) {
    const double difference = static_cast<double>(x[d]) - static_cast<double>(y[d]);
    sum += difference * difference;
  }
  return sum;
}

template <class T>
void squared_distances(const T* x, const T* rows, Index stride, const Index* which, Index count, Index length,
                       double* out) {
  for (Index r = 0; r < count; ++r) {
    out[r] = squared_distance(x, rows + (which ? which[r] : r) * stride, length);
  }
}

}  // namespace

const DistanceLoops distance_loops = {squared_distances<float>, squared_distances<double>};

}  // namespace bitlens::cpu::BITLENS_LEVEL
