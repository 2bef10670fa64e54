// Symmetric matrices, one for each block: to tridiagonal form, and to eigenvalues.
#pragma once

#include "core/spectra.hpp"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {

// For row or column j: the pending update v, w, and the reflector of the step.
template <class T>
struct alignas(16) Vectors {
  T v, w, x;
};

// The memory of a block for one matrix. The lower triangle is packed row by row, so that the threads of a
// warp, each on another row or on another column, access different banks of the shared memory.
template <class T>
struct Work {
  T* triangle;          // in shared memory, or in the caller's workspace
  Vectors<T>* vectors;  // [n]
  double* diagonal;     // [n]
  double* couplings;    // [n], squared; those of rows 1 on
  double* values;       // [n]
  int n;

  __device__ T* row(int i) const { return triangle + static_cast<Index>(i) * (i + 1) / 2; }
};

// Blocks that a multiprocessor has registers for: 64 for each thread, or 80 for double.
template <class T>
inline constexpr unsigned kBlocksAtOnce = sizeof(T) == sizeof(float) ? 4 : 3;

inline Index triangle_size(Index n) { return n * (n + 1) / 2; }

// The memory of the blocks of a launch: one block for each matrix, or fewer blocks that share the caller's
// workspace.
template <class T>
struct Places {
  double* workspace = nullptr;
  Index workspace_stride = 0;
  Index workspace_columns = 0;  // that a block needs; 0 if triangles are in shared memory
  Index blocks;
  std::size_t shared;

  // For `matrices` of size n, with the shared memory that the GPU grants to one block.
  Places(Index matrices, Index n) : blocks(std::min(matrices, kMaxBlocks)) {
    int device = 0;
    int most = 0;
    check(cudaGetDevice(&device), "device");
    check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "shared memory");
    const auto limit = static_cast<std::size_t>(most) - kStaticShared;
    const std::size_t vectors = static_cast<std::size_t>(n) * (sizeof(Vectors<T>) + 3 * sizeof(double));
    require(vectors <= limit,
            "matrices of " + std::to_string(n) + " rows: more than fit into the shared memory of this GPU");
    shared = vectors + static_cast<std::size_t>(triangle_size(n)) * sizeof(T);
    if (shared <= limit) return;
    workspace_columns = triangle_size(n);
    shared = vectors;
  }

  // Puts the triangles into the caller's workspace if they are not in shared memory.
  void take(View<double, 2> given) {
    if (workspace_columns == 0) return;
    require(
        given.shape[0] >= 1 && given.shape[1] >= workspace_columns,
        "workspace: expected rows of " + std::to_string(workspace_columns) + " for matrices of this size");
    workspace = given.data;
    workspace_stride = given.stride[0];
    blocks = std::min(blocks, given.shape[0]);
  }

  __device__ Work<T> work(int n) const {
    Work<T> work;
    work.n = n;
    work.vectors = dynamic_shared<Vectors<T>>();
    work.diagonal = reinterpret_cast<double*>(work.vectors + n);
    work.couplings = work.diagonal + n;
    work.values = work.couplings + n;
    work.triangle = reinterpret_cast<T*>(
        workspace ? workspace + static_cast<Index>(blockIdx.x) * workspace_stride : work.values + n);
    return work;
  }

 private:
  static constexpr std::size_t kStaticShared = 8 * 1024;  // the most that kernels declare statically
};

// Householder's tridiagonalisation from the last row up. The update of a step is postponed until the next
// step multiplies the matrix with its reflector. All threads of the block take part. The first barrier orders
// the caller's writes to the triangle; diagonal[0] is written after the last one.
template <class T>
__device__ void tridiagonalize(const Work<T>& work) {
  __shared__ T sums[kThreads];
  Vectors<T>* vectors = work.vectors;
  const int thread = static_cast<int>(threadIdx.x);
  constexpr int threads = static_cast<int>(kThreads);
  constexpr int lanes = static_cast<int>(kWarp);
  for (int i = thread; i < work.n; i += threads) vectors[i] = {0, 0, 0};
  __syncthreads();
  for (int k = work.n - 1; k > 0; --k) {
    const T* row = work.row(k);
    const Vectors<T> of_row_k = vectors[k];
    double squares = 0;
    for (int j = thread; j <= k; j += threads) {
      const T value = row[j] - of_row_k.v * vectors[j].w - of_row_k.w * vectors[j].v;
      if (j == k) {
        work.diagonal[k] = value;
      } else {
        vectors[j].x = value;
        squares += static_cast<double>(value) * static_cast<double>(value);
      }
    }
    const T squared_norm = static_cast<T>(block_sum(squares));
    const Reflector<T> reflector(squared_norm, vectors[k - 1].x);
    __syncthreads();
    if (thread == 0) {
      vectors[k - 1].x = reflector.last;
      work.couplings[k] = reflector.coupling;
    }
    if (reflector.scale == 0) {
      for (int j = thread; j < k - 1; j += threads) vectors[j].x = 0;
    }
    __syncthreads();

    // y = A x, stored in place of the row: one column for each thread, or groups of threads that share its
    // rows.
    const int width = (k + lanes - 1) / lanes * lanes;
    const int groups = width < threads ? threads / width : 1;
    const int group = groups > 1 ? thread / width : 0;
    T* y = work.row(k);
    for (int start = 0; start < k; start += threads) {
      const int column = groups > 1 ? thread % width : start + thread;
      const bool mine = column < k && group < groups;
      T sum = 0;
      if (mine) {
        const Vectors<T> of_column = vectors[column];
        for (int j = column + group; j < k; j += groups) {
          T& element = work.row(j)[column];
          const Vectors<T> of_row = vectors[j];
          element = fma(-of_row.v, of_column.w, fma(-of_row.w, of_column.v, element));
          if (j > column) sum = fma(element, of_row.x, sum);
        }
      }
      sums[thread] = sum;
      if (groups > 1) break;
      if (mine) y[column] = sum;
    }
    __syncthreads();
    for (int start = 0; start < k; start += threads) {
      const int column = groups > 1 ? thread % width : start + thread;
      if (column < k && group < groups) {
        T sum = groups > 1 ? sums[thread] : y[column];
        const T* of_column = work.row(column);
        for (int j = group; j <= column; j += groups) sum = fma(of_column[j], vectors[j].x, sum);
        (groups > 1 ? sums[thread] : y[column]) = sum;
      }
      if (groups > 1) break;
    }
    __syncthreads();
    if (groups > 1 && thread < k) {
      T sum = 0;
      for (int g = 0; g < groups; ++g) sum += sums[g * width + thread];
      y[thread] = sum;
    }
    double products = 0;
    for (int j = thread; j < k; j += threads)
      products += static_cast<double>(vectors[j].x) * static_cast<double>(y[j]);
    const T share = static_cast<T>(reflector.scale / 2 * block_sum(products));
    for (int j = thread; j < k; j += threads) {
      const T x = vectors[j].x;
      vectors[j].v = x;
      vectors[j].w = reflector.scale * (y[j] - share * x);
    }
    __syncthreads();
  }
  if (thread == 0) work.diagonal[0] = work.row(0)[0] - 2 * vectors[0].v * vectors[0].w;
}

// Writes all eigenvalues of the tridiagonal matrix to `values`, ascending. Each thread computes one by
// bisection. All are NaN if any element is not finite.
template <class T>
__device__ void bisect(const Work<T>& work) {
  constexpr int kSteps = 60;  // to 2^-60 of the range
  double unsound = 0;
  double reach = 0;  // Gershgorin's bound
  for (int i = static_cast<int>(threadIdx.x); i < work.n; i += static_cast<int>(kThreads)) {
    const double before = i > 0 ? work.couplings[i] : 0;
    const double behind = i + 1 < work.n ? work.couplings[i + 1] : 0;
    unsound += 0 * (work.diagonal[i] + before);
    reach = fmax(reach, fabs(work.diagonal[i]) + sqrt(before) + sqrt(behind));
  }
  unsound = block_sum(unsound);
  reach = block_max(reach);
  const double tiny = reach * reach * DBL_MIN / DBL_EPSILON;
  for (int i = static_cast<int>(threadIdx.x); i < work.n; i += static_cast<int>(kThreads)) {
    double low = -reach;
    double high = reach;
    for (int step = 0; step < kSteps; ++step) {
      const double middle = low + (high - low) / 2;
      int below = 0;  // eigenvalues below the middle, by Sturm's sequence
      double pivot = 1;
      for (int j = 0; j < work.n; ++j) {
        pivot = work.diagonal[j] - middle - (j > 0 ? work.couplings[j] / pivot : 0);
        if (fabs(pivot) <= tiny) pivot = -(tiny > 0 ? tiny : DBL_MIN);
        below += pivot < 0 ? 1 : 0;
      }
      (below > i ? high : low) = middle;
    }
    work.values[i] = unsound == 0 ? low + (high - low) / 2 : unsound;
  }
  __syncthreads();
}

}  // namespace bitlens::cuda
