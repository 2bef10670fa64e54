// Symmetric matrices, one a block: to tridiagonal form, and to eigenvalues.
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

// What a block needs for a matrix. The lower triangle lies packed, row by row, so that the threads of a warp,
// each on its own row or on its own column, meet in no bank of the shared memory.
template <class T>
struct Work {
  T* triangle;          // in shared memory, or in the caller's room
  Vectors<T>* vectors;  // [n]
  double* diagonal;     // [n]
  double* couplings;    // [n], squared; those of rows 1 on
  double* values;       // [n]
  int n;

  __device__ T* row(int i) const { return triangle + static_cast<Index>(i) * (i + 1) / 2; }
};

// Blocks that a multiprocessor has registers for: 64 a thread, or 80 for the doubles.
template <class T>
inline constexpr unsigned kBlocksAtOnce = sizeof(T) == sizeof(float) ? 4 : 3;

inline Index triangle_size(Index n) { return n * (n + 1) / 2; }

// How the blocks of a launch get their memory: one a matrix, or fewer that share the caller's room.
template <class T>
struct Places {
  double* room;  // nullptr if triangles are in shared memory
  Index room_stride;
  Index blocks;
  std::size_t shared;

  // Of `matrices` of size n, with what the GPU lets one block have.
  Places(Index matrices, Index n, View<double, 2> given)
      : room(nullptr), room_stride(0), blocks(matrices), shared(0) {
    int device = 0;
    int most = 0;
    check(cudaGetDevice(&device), "device");
    check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "shared memory");
    const auto limit = static_cast<std::size_t>(most) - kStaticShared;
    const std::size_t vectors = static_cast<std::size_t>(n) * (sizeof(Vectors<T>) + 3 * sizeof(double));
    require(vectors <= limit,
            "matrices of " + std::to_string(n) + " rows: more than this GPU's kernel has room for");
    shared = vectors + static_cast<std::size_t>(triangle_size(n)) * sizeof(T);
    if (shared > limit) {
      require(given.shape[0] >= 1 && given.shape[1] >= triangle_size(n),
              "room: expected rows of " + std::to_string(triangle_size(n)) + " for matrices of this size");
      room = given.data;
      room_stride = given.stride[0];
      blocks = std::min(matrices, given.shape[0]);
      shared = vectors;
    }
    blocks = std::min(blocks, kMaxBlocks);
  }

  __device__ Work<T> work(int n) const {
    Work<T> work;
    work.n = n;
    work.vectors = dynamic_shared<Vectors<T>>();
    work.diagonal = reinterpret_cast<double*>(work.vectors + n);
    work.couplings = work.diagonal + n;
    work.values = work.couplings + n;
    work.triangle =
        reinterpret_cast<T*>(room ? room + static_cast<Index>(blockIdx.x) * room_stride : work.values + n);
    return work;
  }

 private:
  static constexpr std::size_t kStaticShared = 8 * 1024;  // what kernels declare themselves, at most
};

// Householder's tridiagonalisation from the last row up; a step's update of the matrix is made while the next
// step multiplies it with its own reflector. Starts and ends with the block together.
template <class T>
__device__ void tridiagonalize(const Work<T>& work) {
  __shared__ T parts[kThreads];
  Vectors<T>* vectors = work.vectors;
  const int thread = static_cast<int>(threadIdx.x);
  constexpr int threads = static_cast<int>(kThreads);
  constexpr int lanes = static_cast<int>(kWarp);
  for (int i = thread; i < work.n; i += threads) vectors[i] = {0, 0, 0};
  __syncthreads();
  for (int k = work.n - 1; k > 0; --k) {
    const T* row = work.row(k);
    const Vectors<T> own = vectors[k];
    double squares = 0;
    for (int j = thread; j <= k; j += threads) {
      const T value = row[j] - own.v * vectors[j].w - own.w * vectors[j].v;
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

    // A column a thread, or groups of threads that share the rows of one: y = A x, kept where the row was.
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
      parts[thread] = sum;
      if (groups > 1) break;
      if (mine) y[column] = sum;
    }
    __syncthreads();
    for (int start = 0; start < k; start += threads) {
      const int column = groups > 1 ? thread % width : start + thread;
      if (column < k && group < groups) {
        T sum = groups > 1 ? parts[thread] : y[column];
        const T* of_column = work.row(column);
        for (int j = group; j <= column; j += groups) sum = fma(of_column[j], vectors[j].x, sum);
        (groups > 1 ? parts[thread] : y[column]) = sum;
      }
      if (groups > 1) break;
    }
    __syncthreads();
    if (groups > 1 && thread < k) {
      T sum = 0;
      for (int g = 0; g < groups; ++g) sum += parts[g * width + thread];
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
  __syncthreads();
}

// All eigenvalues of the tridiagonal matrix to `values`, ascending: each by bisection, on a thread of its
// own. NaN all, if any element is not finite.
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
