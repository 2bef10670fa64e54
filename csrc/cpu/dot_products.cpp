// Centred samples in the layout of the product loops, and their dot products.
#include <algorithm>

#include "core/ops/dot_products.hpp"
#include "cpu/panel_products.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/dot_products.hpp"

namespace bitlens::cpu {
namespace {

constexpr Index kPanel = kCpu.panel;

// Values of a panel's samples that are multiplied at a time: 72 KB, which stay in a core's L2 cache together
// with those of the rows.
constexpr Index kDepth = 384;

template <class T>
void fill_panels(const CenterSamples<T>& op) {
  const View<const T, 2> x = op.x;
  const View<float, 3> panels = op.panels;
  const Index n = x.shape[0];
  const Index length = x.shape[1];
  parallel_for(panels.shape[0], [&](Index panel) {
    const Index first = panel * kPanel;
    const Index count = std::min(kPanel, n - first);
    double sums[kPanel] = {};
    for (Index d = 0; d < length; ++d) {
      float* values = panels.row(panel, d);
      for (Index i = 0; i < count; ++i) {
        values[i] = static_cast<float>((x.row(first + i)[d] - op.mean.data[d]) / op.width);
      }
      std::fill(values + count, values + kPanel, 0.0F);
      for (Index i = 0; i < kPanel; ++i) sums[i] += static_cast<double>(values[i]) * values[i];
    }
    std::copy(sums, sums + count, op.norms.data + first);
  });
}

}  // namespace

template <>
void run(const CenterSamples<float>& op) {
  fill_panels(op);
}
template <>
void run(const CenterSamples<double>& op) {
  fill_panels(op);
}

void multiply_panels(View<const float, 3> rows, View<const float, 3> columns, bool upper,
                     View<float, 2> dots) {
  const Index length = rows.shape[1];

  // A slice of the columns' panel stays in the cache while it is multiplied with all rows' panels.
  const ProductLoops& loops = product_loops();
  parallel_for(columns.shape[0], [&](Index column) {
    for (Index d = 0; d < length; d += kDepth) {
      const Index needed = upper ? std::min(rows.shape[0], column + 1) : rows.shape[0];
      for (Index row = 0; row < needed; ++row) {
        loops.multiply(rows.row(row, d), columns.row(column, d), std::min(kDepth, length - d),
                       dots.row(row * kPanel) + column * kPanel, dots.stride[0], d > 0);
      }
    }
  });
}

template <>
void run(const DotProducts& op) {
  multiply_panels(op.rows, op.columns, false, op.dots);
}

}  // namespace bitlens::cpu
