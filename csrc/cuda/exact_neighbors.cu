// Exact distances of the few pairs that the filter left, and the proof that these pairs are sufficient. One
// block for each sample.
#include "core/ops/exact_neighbors.hpp"
#include "cuda/launch.cuh"
#include "cuda/measured_row.cuh"

namespace bitlens::cuda {
namespace {

constexpr int kSharedWidth = 2560;  // places of a row in shared memory, so that two blocks fit on every GPU
constexpr unsigned kBlocksAtOnce = 3;  // on a multiprocessor: leaves a thread 80 registers
constexpr Index kSearchBatch = kCuda.search_batch;
static_assert(kSearchBatch == kThreads);

template <class T>
struct Search {
  ExactNeighbors<T> op;

  // Sorts the candidates into the row. Returns whether the k nearest are among them.
  __device__ bool look_at_candidates(Index sample, Row& row) const {
    row.count = op.candidates.counts.data[sample];
    if (row.count < op.k) return false;
    for (int start = 0; start < row.count; start += static_cast<int>(kThreads)) {
      const int c = start + place_of_thread();
      const bool inside = c < row.count;
      const Index other = inside ? op.candidates.indices.row(sample)[c] : sample;
      const float bound = inside ? op.candidates.bounds.row(sample)[c] : 0.0F;
      const Estimate estimate =
          estimate_from_bound(bound, op.unit, op.error_bounds.data[sample], op.error_bounds.data[other]);
      const bool wanted = inside && needs_measuring(estimate, op.trusted, op.kth_estimates.row(sample),
                                                    op.kth_estimates.row(other));
      const double squared = measure_wanted(op.x.row(sample), op.x, other, wanted, estimate.squared);
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
      const double squared = measure_wanted(op.x.row(sample), op.x, other, is_other, HUGE_VAL);
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
