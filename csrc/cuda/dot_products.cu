// Centred samples in the layout of the product kernel, and their dot products. These are always in float32,
// also if the process has chosen another precision for the matrix products of its libraries.
#include "core/ops/dot_products.hpp"
#include "cuda/launch.cuh"
#include "cuda/panel_products.cuh"

namespace bitlens::cuda {
namespace {

constexpr int kSide = 32;         // samples and values of a tile that is transposed on its way to a panel
constexpr Index kMostTiles = 64;  // of the same samples, in different blocks

// One tile of kSide samples and kSide values for each block.
template <class T>
__global__ void __launch_bounds__(kThreads)
    fill_panels(View<const T, 2> x, View<const double, 1> mean, double width, View<float, 3> panels) {
  __shared__ float tile[kSide][kSide + 1];
  const int lane = static_cast<int>(threadIdx.x % kSide);
  const int warp = static_cast<int>(threadIdx.x / kSide);
  const Index length = x.shape[1];
  const Index sample = static_cast<Index>(blockIdx.x) * kSide;
  for (Index value = static_cast<Index>(blockIdx.y) * kSide; value < length;
       value += static_cast<Index>(gridDim.y) * kSide) {
    for (int i = warp; i < kSide; i += kThreads / kSide) {
      const Index d = value + lane;
      tile[i][lane] = sample + i < x.shape[0] && d < length
                          ? static_cast<float>((x.row(sample + i)[d] - mean.data[d]) / width)
                          : 0.0F;
    }
    __syncthreads();
    for (int v = warp; v < kSide && value + v < length; v += kThreads / kSide) {
      panels.row(sample / kPanel, value + v)[sample % kPanel + lane] = tile[lane][v];
    }
    __syncthreads();
  }
}

__global__ void __launch_bounds__(kPanel) square_norms(View<const float, 3> panels, View<double, 1> norms) {
  const Index sample = static_cast<Index>(blockIdx.x) * kPanel + threadIdx.x;
  if (sample >= norms.shape[0]) return;
  double sum = 0;
  for (Index d = 0; d < panels.shape[1]; ++d) {
    const double value = panels.row(blockIdx.x, d)[threadIdx.x];
    sum = fma(value, value, sum);
  }
  norms.data[sample] = sum;
}

__global__ void __launch_bounds__(kThreads, kProductBlocks)
    multiply(View<const float, 3> rows, View<const float, 3> columns, View<float, 2> dots) {
  Products products;
  multiply_panels(rows, blockIdx.y, columns, blockIdx.x, products);
  const View<float, 2> block{
      dots.row(blockIdx.y * kPanel) + blockIdx.x * kPanel, {kPanel, kPanel}, {dots.stride[0], 1}};
  for (int p = 0; p < kHalves; ++p) {
    for (int r = 0; r < 4; ++r) {
      for (int q = 0; q < kHalves; ++q) products.store(p, r, q, block);
    }
  }
}

template <class T>
void center(const CenterSamples<T>& op, Stream stream) {
  const auto& [x, mean, width, panels, norms] = op;
  const Grid tiles{panels.shape[0] * (kPanel / kSide), std::min(ceil_div(x.shape[1], kSide), kMostTiles)};
  launch("center_samples", fill_panels<T>, tiles, kThreads, 0, stream, x, mean, width, panels);
  const View<const float, 3> filled{panels.data,
                                    {panels.shape[0], panels.shape[1], panels.shape[2]},
                                    {panels.stride[0], panels.stride[1], 1}};
  launch("norms of samples", square_norms, {panels.shape[0]}, kPanel, 0, stream, filled, norms);
}

}  // namespace

template <>
void run(const CenterSamples<float>& op, Stream stream) {
  center(op, stream);
}
template <>
void run(const CenterSamples<double>& op, Stream stream) {
  center(op, stream);
}

template <>
void run(const DotProducts& op, Stream stream) {
  const auto& [rows, columns, dots] = op;
  require_panels(rows, columns, dots);
  launch("dot_products", multiply, {columns.shape[0], rows.shape[0]}, kThreads, 0, stream, rows, columns,
         dots);
}

}  // namespace bitlens::cuda
