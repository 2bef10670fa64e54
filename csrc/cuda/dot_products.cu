// Centred samples in the layout of the product kernel, and their dot products. These are always in float32,
// also if the process has chosen another precision for the matrix products of its libraries.
#include "core/ops/dot_products.hpp"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {
namespace {

constexpr Index kPanel = kCuda.panel;
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

// Adjacent samples that are loaded and stored together.
struct alignas(16) Four {
  float at[4];
};

constexpr int kDepth = 8;                             // values of both panels in shared memory at a time
constexpr int kFours = static_cast<int>(kPanel) / 4;  // of a panel, for one value
constexpr int kHalves = 2;                            // fours of a thread, half a panel apart
constexpr int kColumnThreads = kFours / kHalves;
static_assert(kColumnThreads * kColumnThreads == kThreads);  // a thread for each 8 rows and 8 columns
static_assert(kDepth * kFours == kThreads);                  // each loads one four of each slice

// One product of two panels for each block. While one slice of values is multiplied, the next one is loaded.
__global__ void __launch_bounds__(kThreads, 2)
    multiply(View<const float, 3> rows, View<const float, 3> columns, bool upper, View<float, 2> dots) {
  if (upper && blockIdx.x < blockIdx.y) return;
  __shared__ Four row_slices[2][kDepth][kFours];
  __shared__ Four column_slices[2][kDepth][kFours];
  const int depth = static_cast<int>(threadIdx.x) / kFours;
  const int place = static_cast<int>(threadIdx.x) % kFours;
  const int row = static_cast<int>(threadIdx.x) / kColumnThreads;
  const int column = static_cast<int>(threadIdx.x) % kColumnThreads;
  const Index length = rows.shape[1];

  const auto fetch = [&](View<const float, 3> panels, Index panel, Index start) {
    const Index d = start + depth;
    return d < length ? reinterpret_cast<const Four*>(panels.row(panel, d))[place] : Four{};
  };

  float sums[kHalves][4][kHalves][4] = {};
  row_slices[0][depth][place] = fetch(rows, blockIdx.y, 0);
  column_slices[0][depth][place] = fetch(columns, blockIdx.x, 0);
  __syncthreads();
  int slice = 0;
  for (Index start = 0; start < length; start += kDepth) {
    const Four next_rows = fetch(rows, blockIdx.y, start + kDepth);
    const Four next_columns = fetch(columns, blockIdx.x, start + kDepth);
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
      Four of_rows[kHalves];
      Four of_columns[kHalves];
      for (int p = 0; p < kHalves; ++p) {
        of_rows[p] = row_slices[slice][d][p * kColumnThreads + row];
        of_columns[p] = column_slices[slice][d][p * kColumnThreads + column];
      }
      for (int p = 0; p < kHalves; ++p) {
        for (int r = 0; r < 4; ++r) {
          for (int q = 0; q < kHalves; ++q) {
            for (int c = 0; c < 4; ++c) {
              sums[p][r][q][c] = fmaf(of_rows[p].at[r], of_columns[q].at[c], sums[p][r][q][c]);
            }
          }
        }
      }
    }
    slice ^= 1;
    row_slices[slice][depth][place] = next_rows;
    column_slices[slice][depth][place] = next_columns;
    __syncthreads();
  }

  for (int p = 0; p < kHalves; ++p) {
    for (int r = 0; r < 4; ++r) {
      auto* out = reinterpret_cast<Four*>(dots.row(blockIdx.y * kPanel + (p * kColumnThreads + row) * 4 + r) +
                                          blockIdx.x * kPanel);
      for (int q = 0; q < kHalves; ++q) {
        const float* s = sums[p][r][q];
        out[q * kColumnThreads + column] = Four{{s[0], s[1], s[2], s[3]}};
      }
    }
  }
}

template <class T, int Rank>
void require_aligned(const View<T, Rank>& view, const char* name) {
  bool aligned = reinterpret_cast<std::uintptr_t>(view.data) % sizeof(Four) == 0;
  for (int axis = 0; axis < Rank - 1; ++axis) aligned &= view.stride[axis] % 4 == 0;
  require(aligned, std::string(name) + ": expected rows that start at multiples of 16 bytes");
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
  const auto& [rows, columns, upper, dots] = op;
  require_aligned(rows, "rows");
  require_aligned(columns, "columns");
  require_aligned(dots, "dots");
  require_at_most(rows.shape[0], kMaxLayers, "rows: panels");
  launch("dot_products", multiply, {columns.shape[0], rows.shape[0]}, kThreads, 0, stream, rows, columns,
         upper == 1, dots);
}

}  // namespace bitlens::cuda
