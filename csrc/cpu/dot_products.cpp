// Samples around their mean, laid out for products, and their dot products.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/ops.hpp"
#include "cpu/parallel.hpp"
#include "cpu/simd/dot_products.hpp"

namespace bitlens::cpu {
namespace {

// So many values of a panel's samples at a time: 72 KB, which stay in a core's second cache beside the rows'.
constexpr Index kDepth = 384;
constexpr Index kLanes = 8;

// The largest |x[i] - mean|.
template <class T>
double reach(const T* x, const double* mean, Index length) {
  double lanes[kLanes] = {};
  Index d = 0;
  for (; d + kLanes <= length; d += kLanes) {
    for (Index l = 0; l < kLanes; ++l) lanes[l] = std::max(lanes[l], std::abs(x[d + l] - mean[d + l]));
  }
  for (; d < length; ++d) lanes[0] = std::max(lanes[0], std::abs(x[d] - mean[d]));
  return *std::max_element(lanes, lanes + kLanes);
}

}  // namespace

template <class T>
void center_samples(View<const T, 2> x, View<const double, 1> mean, View<float, 3> panels,
                    View<double, 1> norms, View<double, 1> width) {
  const Index n = x.shape[0];
  const Index length = x.shape[1];
  require_size(mean.shape[0], length, "mean");
  require_size(panels.shape[0], (n + kPanel - 1) / kPanel, "panels");
  require_size(panels.shape[1], length, "panels: values");
  require_size(panels.shape[2], kPanel, "panels: samples");
  require_size(norms.shape[0], n, "norms");
  require_size(width.shape[0], 1, "width");

  std::vector<double> reaches(static_cast<std::size_t>(panels.shape[0]));
  parallel_for(panels.shape[0], [&](Index panel) {
    double& most = reaches[static_cast<std::size_t>(panel)];
    for (Index i = panel * kPanel; i < std::min(n, (panel + 1) * kPanel); ++i) {
      most = std::max(most, reach(x.row(i), mean.data, length));
    }
  });
  double unit = 0;
  for (const double most : reaches) unit = std::max(unit, most);
  if (unit == 0) unit = 1;
  width.data[0] = unit;

  parallel_for(panels.shape[0], [&](Index panel) {
    const Index first = panel * kPanel;
    const Index count = std::min(kPanel, n - first);
    double sums[kPanel] = {};
    for (Index d = 0; d < length; ++d) {
      float* values = panels.row(panel, d);
      for (Index i = 0; i < count; ++i) {
        values[i] = static_cast<float>((x.row(first + i)[d] - mean.data[d]) / unit);
      }
      std::fill(values + count, values + kPanel, 0.0F);
      for (Index i = 0; i < kPanel; ++i) sums[i] += static_cast<double>(values[i]) * values[i];
    }
    std::copy(sums, sums + count, norms.data + first);
  });
}

template void center_samples(View<const float, 2>, View<const double, 1>, View<float, 3>, View<double, 1>,
                             View<double, 1>);
template void center_samples(View<const double, 2>, View<const double, 1>, View<float, 3>, View<double, 1>,
                             View<double, 1>);

void dot_products(View<const float, 3> rows, View<const float, 3> columns, View<float, 2> dots) {
  const Index length = rows.shape[1];
  require_size(rows.shape[2], kPanel, "rows: samples of a panel");
  require_size(columns.shape[2], kPanel, "columns: samples of a panel");
  require_size(columns.shape[1], length, "columns: values");
  require_size(dots.shape[0], rows.shape[0] * kPanel, "dots: rows");
  require_size(dots.shape[1], columns.shape[0] * kPanel, "dots: columns");

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
