// Sums of scaled distances and their exponentials, row by row.
#include "cpu/simd/gaussian.hpp"

#include "core/numerics.hpp"
#include "cpu/simd/tridiagonal.hpp"
#include "cpu/simd/vectors.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

// Loads kWidth<Kernel> numbers from any address, or the first `count` if there are fewer.
template <class Kernel, class T>
BITLENS_ALWAYS_INLINE Vector<Kernel> load_some(const T* from, Index count) {
  typename VectorOf<T, kWidth<Kernel>* static_cast<Index>(sizeof(T))>::type values = {};
  if (count >= kWidth<Kernel>) {
    __builtin_memcpy(&values, from, sizeof values);
  } else {
    for (Index l = 0; l < count; ++l) values[l] = from[l];
  }
  return __builtin_convertvector(values, Vector<Kernel>);
}

template <class T, class Kernel>
void gaussian(const T* const* channels, Index stride, const double* weights, Index members, Index n,
              Kernel* kernel) {
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; j += kWidth<Kernel>) {
      Vector<Kernel> sum = {};
      for (Index m = 0; m < members; ++m) {
        sum += bounded_weight<Kernel>(weights[m]) * load_some<Kernel>(channels[m] + i * stride + j, n - j);
      }
      Kernel* out = kernel + i * padded<Kernel>(n) + j;
      for (Index l = 0; l < kWidth<Kernel>; ++l) out[l] = exp_of_negative(-sum[l]);
    }
  }
}

}  // namespace

const GaussianLoops gaussian_loops = {gaussian<float, float>, gaussian<double, double>,
                                      gaussian<float, double>};

}  // namespace bitlens::cpu::BITLENS_ISA
