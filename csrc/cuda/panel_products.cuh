// The products of two panels, in the registers of a block's threads.
#pragma once

#include "core/backends.hpp"
#include "core/check.hpp"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {

inline constexpr Index kPanel = kCuda.panel;
inline constexpr unsigned kProductBlocks = 2;  // on a multiprocessor: leaves a thread 128 registers

// Adjacent samples that are loaded and stored together.
struct alignas(16) Four {
  float at[4];
};

inline constexpr int kDepth = 8;  // values of both panels in shared memory at a time
inline constexpr int kFours = static_cast<int>(kPanel) / 4;  // of a panel, for one value
inline constexpr int kHalves = 2;                            // fours of a thread, half a panel apart
inline constexpr int kColumnThreads = kFours / kHalves;
static_assert(kColumnThreads * kColumnThreads == kThreads);  // a thread for each 8 rows and 8 columns
static_assert(kDepth * kFours == kThreads);                  // each loads one four of each slice

// The place of a thread's four rows and four columns among the fours of the panels.
inline __device__ int four_of_rows(int p) {
  return p * kColumnThreads + static_cast<int>(threadIdx.x) / kColumnThreads;
}
inline __device__ int four_of_columns(int q) {
  return q * kColumnThreads + static_cast<int>(threadIdx.x) % kColumnThreads;
}

// A thread's products: [p][r][q][c] is that of row r of four_of_rows(p) with column c of four_of_columns(q).
struct Products {
  float at[kHalves][4][kHalves][4];

  // Stores four of them where they belong in the block [panel, panel] of all products.
  __device__ void store(int p, int r, int q, View<float, 2> block) const {
    const float* s = at[p][r][q];
    reinterpret_cast<Four*>(block.row(four_of_rows(p) * 4 + r))[four_of_columns(q)] =
        Four{{s[0], s[1], s[2], s[3]}};
  }
};

// Multiplies two panels. While one slice of values is multiplied, the next one is loaded.
inline __device__ void multiply_panels(View<const float, 3> rows, Index row_panel,
                                       View<const float, 3> columns, Index column_panel, Products& products) {
  __shared__ Four row_slices[2][kDepth][kFours];
  __shared__ Four column_slices[2][kDepth][kFours];
  const int depth = static_cast<int>(threadIdx.x) / kFours;
  const int place = static_cast<int>(threadIdx.x) % kFours;
  const Index length = rows.shape[1];

  const auto fetch = [&](View<const float, 3> panels, Index panel, Index start) {
    const Index d = start + depth;
    return d < length ? reinterpret_cast<const Four*>(panels.row(panel, d))[place] : Four{};
  };

  products = {};
  row_slices[0][depth][place] = fetch(rows, row_panel, 0);
  column_slices[0][depth][place] = fetch(columns, column_panel, 0);
  __syncthreads();
  int slice = 0;
  for (Index start = 0; start < length; start += kDepth) {
    const Four next_rows = fetch(rows, row_panel, start + kDepth);
    const Four next_columns = fetch(columns, column_panel, start + kDepth);
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
      Four of_rows[kHalves];
      Four of_columns[kHalves];
      for (int p = 0; p < kHalves; ++p) {
        of_rows[p] = row_slices[slice][d][four_of_rows(p)];
        of_columns[p] = column_slices[slice][d][four_of_columns(p)];
      }
      for (int p = 0; p < kHalves; ++p) {
        for (int r = 0; r < 4; ++r) {
          for (int q = 0; q < kHalves; ++q) {
            for (int c = 0; c < 4; ++c) {
              float& sum = products.at[p][r][q][c];
              sum = fmaf(of_rows[p].at[r], of_columns[q].at[c], sum);
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
}

template <class T, int Rank>
void require_aligned(const View<T, Rank>& view, const char* name) {
  bool aligned = reinterpret_cast<std::uintptr_t>(view.data) % sizeof(Four) == 0;
  for (int axis = 0; axis < Rank - 1; ++axis) aligned &= view.stride[axis] % 4 == 0;
  require(aligned, std::string(name) + ": expected rows that start at multiples of 16 bytes");
}

// What a kernel with a block for each pair of panels requires.
inline void require_panels(const View<const float, 3>& rows, const View<const float, 3>& columns,
                           const View<float, 2>& dots) {
  require_aligned(rows, "rows");
  require_aligned(columns, "columns");
  require_aligned(dots, "dots");
  require_at_most(rows.shape[0], kMaxLayers, "rows: panels");
}

}  // namespace bitlens::cuda
