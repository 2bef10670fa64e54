// Samples around their mean, laid out for products, and their dot products.
#include <algorithm>

#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/dot_products.hpp"

namespace bitlens::cpu {
namespace {

// So many values of a panel's samples at a time: 72 KB, which stay in a core's second cache beside the rows'.
constexpr Index kDepth = 384;

}  // namespace

template <class T>
void center_samples(View<const T, 2> x, View<const double, 1> mean, double width, View<float, 3> panels,
                    View<double, 1> norms) {
  check_center_samples(x, mean, width, panels, norms, kPanel);
  const Index n = x.shape[0];
  const Index length = x.shape[1];
  parallel_for(panels.shape[0], [&](Index panel) {
    const Index first = panel * kPanel;
    const Index count = std::min(kPanel, n - first);
    double sums[kPanel] = {};
    for (Index d = 0; d < length; ++d) {
      float* values = panels.row(panel, d);
      for (Index i = 0; i < count; ++i) {
        values[i] = static_cast<float>((x.row(first + i)[d] - mean.data[d]) / width);
      }
      std::fill(values + count, values + kPanel, 0.0F);
      for (Index i = 0; i < kPanel; ++i) sums[i] += static_cast<double>(values[i]) * values[i];
    }
    std::copy(sums, sums + count, norms.data + first);
  });
}

template void center_samples(View<const float, 2>, View<const double, 1>, double, View<float, 3>,
                             View<double, 1>);
template void center_samples(View<const double, 2>, View<const double, 1>, double, View<float, 3>,
                             View<double, 1>);

void dot_products(View<const float, 3> rows, View<const float, 3> columns, View<float, 2> dots) {
  check_dot_products(rows, columns, dots, kPanel);
  const Index length = rows.shape[1];

  // A part of the columns' panel stays in the cache while the rows' panels come by.
  const ProductLoops& loops = product_loops();
  parallel_for(columns.shape[0], [&](Index column) {
    for (Index d = 0; d < length; d += kDepth) {
      for (Index row = 0; row < rows.shape[0]; ++row) {
        loops.multiply(rows.row(row, d), columns.row(column, d), std::min(kDepth, length - d),
                       dots.row(row * kPanel) + column * kPanel, dots.stride[0], d > 0);
      }
    }
  });
}

}  // namespace bitlens::cpu
