// Exact distances of the few pairs that the filter left, and the proof that these pairs are sufficient. One
// block for each sample.
#include "core/ops/exact_neighbors.hpp"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {
namespace {

constexpr int kSharedWidth = 2560;  // places of a row in shared memory, so that two blocks fit on every GPU
constexpr unsigned kBlocksAtOnce = 3;  // on a multiprocessor: leaves a thread 80 registers
constexpr Index kSearchBatch = kCuda.search_batch;
static_assert(kSearchBatch == kThreads);

// Squared distances and the samples that they belong to: in shared memory if they fit, else in the rows of
// the results.
struct Row {
  double* squared;
  std::int32_t* indices;
  int count;
};

// The squared distance of two samples, for all lanes; the same bits in either order of the samples.
template <class T>
__device__ double measure(const T* x, const T* y, Index length) {
  double sum = 0;
  for (Index d = lane_of_thread(); d < length; d += kWarp) {
    const double difference = static_cast<double>(x[d]) - static_cast<double>(y[d]);
    sum = fma(difference, difference, sum);
  }
  return warp_sum(sum);
}

// The squared distance of `sample` to one other sample for each lane, where it is wanted.
template <class T>
__device__ double measure_wanted(View<const T, 2> x, Index sample, Index other, bool wanted,
                                 double otherwise) {
  double result = otherwise;
  for (unsigned left = __ballot_sync(kAllLanes, wanted); left != 0; left &= left - 1) {
    const unsigned lane = static_cast<unsigned>(__ffs(left) - 1);
    const double squared = measure(x.row(sample), x.row(__shfl_sync(kAllLanes, other, lane)), x.shape[1]);
    if (lane_of_thread() == lane) result = squared;
  }
  return result;
}

// A bitonic sort by (distance, index). Every step puts the smaller of two first, so elements that are missing
// from a power of two act like infinite ones: they stay in place.
__device__ void sort(Row row) {
  const auto order = [&](int first, int second) {
    if (second >= row.count) return;
    const double a = row.squared[first];
    const double b = row.squared[second];
    if (a < b || (a == b && row.indices[first] <= row.indices[second])) return;
    row.squared[first] = b;
    row.squared[second] = a;
    const std::int32_t index = row.indices[first];
    row.indices[first] = row.indices[second];
    row.indices[second] = index;
  };
  const int thread = static_cast<int>(threadIdx.x);
  int half = 1;
  __syncthreads();
  for (int run = 2; half < row.count; run *= 2, half *= 2) {
    // Two sorted runs are merged, the second one backwards; then halves of halves.
    for (int pair = thread; pair < (row.count + 1) / 2 + half; pair += static_cast<int>(kThreads)) {
      const int start = pair / half * run;
      order(start + pair % half, start + run - 1 - pair % half);
    }
    __syncthreads();
    for (int step = half / 2; step > 0; step /= 2) {
      for (int pair = thread; pair < (row.count + 1) / 2 + step; pair += static_cast<int>(kThreads)) {
        const int first = pair / step * 2 * step + pair % step;
        order(first, first + step);
      }
      __syncthreads();
    }
  }
}

template <class T>
struct Search {
  ExactNeighbors<T> op;

  // Sorts the candidates into the row. Returns whether the k nearest are among them.
  __device__ bool look_at_candidates(Index sample, Row& row) const {
    row.count = op.candidates.counts.data[sample];
    if (row.count < op.k) return false;
    const int lane = static_cast<int>(lane_of_thread());
    for (int start = static_cast<int>(threadIdx.x) - lane; start < row.count;
         start += static_cast<int>(kThreads)) {
      const int c = start + lane;
      const bool inside = c < row.count;
      const Index other = inside ? op.candidates.indices.row(sample)[c] : sample;
      const float bound = inside ? op.candidates.bounds.row(sample)[c] : 0.0F;
      const Estimate estimate =
          estimate_from_bound(bound, op.unit, op.error_bounds.data[sample], op.error_bounds.data[other]);
      const bool wanted = inside && needs_measuring(estimate, op.trusted, op.kth_estimates.row(sample),
                                                    op.kth_estimates.row(other));
      const double squared = measure_wanted(op.x, sample, other, wanted, estimate.squared);
      if (!inside) continue;
      row.squared[c] = squared;
      row.indices[c] = static_cast<std::int32_t>(other);
    }
    sort(row);
    return row.squared[op.k - 1] < static_cast<double>(op.candidates.limits.data[sample]) * op.unit;
  }

  // Sorts the k nearest of all samples into the row, which has `width` places, and one more because of ties.
  // Samples are visited in order, so a sample after `wanted` others at distance 0 is not nearer.
  __device__ void look_at_all(Index sample, Row& row, int width) const {
    __shared__ int before_warp[kWarps];
    const Index n = op.x.shape[0];
    const Index wanted = op.k + 1 < n ? op.k + 1 : op.k;
    double last = HUGE_VAL;  // the largest of the wanted ones until now
    row.count = 0;
    for (Index start = 0; start < n && last > 0; start += kSearchBatch) {
      const Index other = start + threadIdx.x;
      const bool is_other = other < n && other != sample;
      const double squared = measure_wanted(op.x, sample, other, is_other, HUGE_VAL);
      const bool nearer = is_other && squared < last;  // an equal distance with a larger index comes later
      const Votes votes = count_votes(nearer);
      __syncthreads();  // the places of the previous batch have been read, or sorted
      if (lane_of_thread() == 0) before_warp[threadIdx.x / kWarp] = votes.all;
      __syncthreads();
      int place = row.count + votes.before;
      for (unsigned warp = 0; warp < kWarps; ++warp) {
        if (warp < threadIdx.x / kWarp) place += before_warp[warp];
        row.count += before_warp[warp];
      }
      if (nearer) {
        row.squared[place] = squared;
        row.indices[place] = static_cast<std::int32_t>(other);
      }
      if (row.count + kSearchBatch <= width && start + kSearchBatch < n) continue;
      sort(row);
      if (row.count < wanted) continue;
      row.count = static_cast<int>(wanted);
      last = row.squared[wanted - 1];
    }
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce) find_neighbors(Search<T> search) {
  const View<double, 2>& distances = search.op.distances;
  const View<std::int32_t, 2>& indices = search.op.indices;
  const Index sample = blockIdx.x;
  const int width = static_cast<int>(distances.shape[1]);
  Row row{distances.row(sample), indices.row(sample), 0};
  if (width <= kSharedWidth) {
    row.squared = dynamic_shared<double>();
    row.indices = reinterpret_cast<std::int32_t*>(row.squared + width);
  }
  if (!search.look_at_candidates(sample, row)) search.look_at_all(sample, row, width);
  const Index k = search.op.k;
  // Read before the distances replace the squared ones.
  const bool tied = row.count > k && row.squared[k] == row.squared[k - 1];
  __syncthreads();
  for (Index e = threadIdx.x; e < k; e += kThreads) {
    distances.row(sample)[e] = sqrt(row.squared[e]);
    indices.row(sample)[e] = row.indices[e];
  }
  if (threadIdx.x == 0) search.op.ties.data[sample] = tied ? 1 : 0;
}

template <class T>
void search(const ExactNeighbors<T>& op, Stream stream) {
  require_at_most(op.distances.shape[1], INT32_MAX / 4, "distances: width of a row");
  const auto width = static_cast<std::size_t>(op.distances.shape[1]);
  const std::size_t shared = width <= kSharedWidth ? width * (sizeof(double) + sizeof(std::int32_t)) : 0;
  launch("exact_neighbors", find_neighbors<T>, {op.x.shape[0]}, kThreads, shared, stream, Search<T>{op});
}

}  // namespace

template <>
void run(const ExactNeighbors<float>& op, Stream stream) {
  search(op, stream);
}
template <>
void run(const ExactNeighbors<double>& op, Stream stream) {
  search(op, stream);
}

}  // namespace bitlens::cuda
