// Neighbours: distances of the few pairs that the filter left, and proof that they were enough. One block a
// sample.
#include "core/numerics.hpp"
#include "core/operands.hpp"
#include "core/ops.hpp"
#include "cuda/launch.cuh"
#include "cuda/reduce.cuh"

namespace bitlens::cuda {
namespace {

constexpr int kSharedRoom = 2560;      // neighbours whose sorting fits beside another block on every GPU
constexpr unsigned kBlocksAtOnce = 3;  // on a multiprocessor: leaves a thread 80 registers
static_assert(kSearchBatch == kThreads);

// Squared distances and whose they are: in shared memory if there is room, else where the results go.
struct Row {
  double* squared;
  std::int32_t* indices;
  int count;
};

// The squared distance of two samples, for all lanes; the same bits whichever comes first.
template <class T>
__device__ double measure(const T* x, const T* y, Index length) {
  double sum = 0;
  for (Index d = lane_of_thread(); d < length; d += kWarp) {
    const double difference = static_cast<double>(x[d]) - static_cast<double>(y[d]);
    sum = fma(difference, difference, sum);
  }
  return warp_sum(sum);
}

// Squared distances of `sample` to one other a lane, where it is wanted.
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

// Bitonic, by (distance, index). Every step puts the smaller of two first, so those that are missing from a
// power of two may be thought of as infinite: they stay where they are.
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
    // Two sorted runs meet, the second one backwards; then halves of halves.
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

// What is measured of a sample's neighbours.
template <class T>
struct Search {
  View<const T, 2> x;
  Candidates candidates;
  double unit;
  View<const double, 1> taken_off;
  double trusted;
  View<const double, 2> boundaries;
  Index k;

  // The candidates, sorted; whether they hold the k nearest.
  __device__ bool look_at_candidates(Index sample, Row& row) const {
    row.count = candidates.counts.data[sample];
    if (row.count < k) return false;
    const int lane = static_cast<int>(lane_of_thread());
    for (int start = static_cast<int>(threadIdx.x) - lane; start < row.count;
         start += static_cast<int>(kThreads)) {
      const int c = start + lane;
      const bool inside = c < row.count;
      const Index other = inside ? candidates.indices.row(sample)[c] : sample;
      const double error = taken_off.data[sample] + taken_off.data[other];
      const double estimate =
          inside ? static_cast<double>(candidates.bounds.row(sample)[c]) * unit + error : 0;
      const bool wanted = inside && is_to_be_measured(estimate, error, trusted, boundaries.row(sample),
                                                      boundaries.row(other));
      const double squared = measure_wanted(x, sample, other, wanted, estimate);
      if (!inside) continue;
      row.squared[c] = squared;
      row.indices[c] = static_cast<std::int32_t>(other);
    }
    sort(row);
    return row.squared[k - 1] < static_cast<double>(candidates.limits.data[sample]) * unit;
  }

  // The k nearest of all, sorted. As samples come in order, none that follows k at distance 0 is nearer.
  __device__ void look_at_all(Index sample, Row& row, int room) const {
    __shared__ int before_warp[kWarps];
    const Index n = x.shape[0];
    double last = HUGE_VAL;  // of the k nearest so far
    row.count = 0;
    for (Index start = 0; start < n && last > 0; start += kSearchBatch) {
      const Index other = start + threadIdx.x;
      const bool is_other = other < n && other != sample;
      const double squared = measure_wanted(x, sample, other, is_other, HUGE_VAL);
      const bool nearer = is_other && squared < last;  // equal ones with a larger index come later
      const Votes votes = count_votes(nearer);
      __syncthreads();  // the places of the batch before are read, or sorted
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
      if (row.count + kSearchBatch <= room && start + kSearchBatch < n) continue;
      sort(row);
      if (row.count < k) continue;
      row.count = static_cast<int>(k);
      last = row.squared[k - 1];
    }
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    find_neighbors(Search<T> search, View<double, 2> distances, View<std::int32_t, 2> indices) {
  const Index sample = blockIdx.x;
  const int room = static_cast<int>(distances.shape[1]);
  Row row{distances.row(sample), indices.row(sample), 0};
  if (room <= kSharedRoom) {
    row.squared = dynamic_shared<double>();
    row.indices = reinterpret_cast<std::int32_t*>(row.squared + room);
  }
  if (!search.look_at_candidates(sample, row)) search.look_at_all(sample, row, room);
  for (Index e = threadIdx.x; e < search.k; e += kThreads) {
    distances.row(sample)[e] = sqrt(row.squared[e]);
    indices.row(sample)[e] = row.indices[e];
  }
}

}  // namespace

template <class T>
void exact_neighbors(View<const T, 2> x, Candidates candidates, double unit, View<const double, 1> taken_off,
                     double trusted, View<const double, 2> boundaries, Index k, View<double, 2> distances,
                     View<std::int32_t, 2> indices, void* stream) {
  const Index room = std::max(candidates.bounds.shape[1], k + kSearchBatch);
  check_exact_neighbors(x, candidates, taken_off, boundaries, k, distances, indices, room);
  require(distances.shape[1] <= INT32_MAX / 4, "distances: more than 2^29 neighbours");
  const auto width = static_cast<std::size_t>(distances.shape[1]);
  const std::size_t shared = width <= kSharedRoom ? width * (sizeof(double) + sizeof(std::int32_t)) : 0;
  const Search<T> search{x, candidates, unit, taken_off, trusted, boundaries, k};
  launch("exact_neighbors", find_neighbors<T>, {x.shape[0]}, kThreads, shared, stream, search, distances,
         indices);
}

template void exact_neighbors(View<const float, 2>, Candidates, double, View<const double, 1>, double,
                              View<const double, 2>, Index, View<double, 2>, View<std::int32_t, 2>, void*);
template void exact_neighbors(View<const double, 2>, Candidates, double, View<const double, 1>, double,
                              View<const double, 2>, Index, View<double, 2>, View<std::int32_t, 2>, void*);

}  // namespace bitlens::cuda
