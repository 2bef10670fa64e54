// Gaussian kernel matrices, from squared distances.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

// kernel[i, j] = exp(-sum_m weights[m] channels[m][i, j]) for j <= i, in the arithmetic of the result. The
// rows of the `members` channels are `stride` apart. `kernel` is [padded(n), padded(n)]; elements to the
// right of its diagonal may be overwritten.
template <class T, class Kernel>
using GaussianLoop = void (*)(const T* const* channels, Index stride, const double* weights, Index members,
                              Index n, Kernel* kernel);

struct GaussianLoops {
  GaussianLoop<float, float> floats;
  GaussianLoop<double, double> doubles;
  GaussianLoop<float, double> floats_in_double;
};
BITLENS_LOOPS(GaussianLoops, gaussian_loops)

inline void gaussian(const float* const* channels, Index stride, const double* weights, Index members,
                     Index n, float* kernel) {
  gaussian_loops().floats(channels, stride, weights, members, n, kernel);
}
inline void gaussian(const double* const* channels, Index stride, const double* weights, Index members,
                     Index n, double* kernel) {
  gaussian_loops().doubles(channels, stride, weights, members, n, kernel);
}
inline void gaussian(const float* const* channels, Index stride, const double* weights, Index members,
                     Index n, double* kernel) {
  gaussian_loops().floats_in_double(channels, stride, weights, members, n, kernel);
}

}  // namespace bitlens::cpu
