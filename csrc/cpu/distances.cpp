// A file of its own because these two functions are compiled once per instruction set and chosen at run time.
#include "cpu/distances.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define BITLENS_PER_INSTRUCTION_SET __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define BITLENS_PER_INSTRUCTION_SET
#endif

namespace bitlens::cpu {
namespace {

// Independent sums, so that the compiler may use vector registers of any width without changing the result.
constexpr Index kLanes = 16;

template <class T>
[[gnu::always_inline]] inline double squared_distance(const T* x, const T* y, Index length) {
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
[[gnu::always_inline]] inline void all_distances(const T* x, const T* rows, Index stride, const Index* which,
                                                 Index count, Index length, double* out) {
  for (Index r = 0; r < count; ++r)
    out[r] = squared_distance(x, rows + (which ? which[r] : r) * stride, length);
}

}  // namespace

BITLENS_PER_INSTRUCTION_SET
void squared_distances(const float* x, const float* rows, Index stride, const Index* which, Index count,
                       Index length, double* out) {
  all_distances(x, rows, stride, which, count, length, out);
}

BITLENS_PER_INSTRUCTION_SET
void squared_distances(const double* x, const double* rows, Index stride, const Index* which, Index count,
                       Index length, double* out) {
  all_distances(x, rows, stride, which, count, length, out);
}

}  // namespace bitlens::cpu
