// The filter of the neighbour search: after each tile of dot products, a warp updates a sample's list.
#include "core/float_keys.hpp"
#include "core/ops/neighbor_candidates.hpp"
#include "cuda/launch.cuh"
#include "cuda/select.cuh"

namespace bitlens::cuda {
namespace {

constexpr int kLanes = static_cast<int>(kWarp);
static_assert(kCuda.selection_block == kLanes);
constexpr int kAhead = 4;  // products that a lane loads before it compares the first one
constexpr int kLoads = kLanes / static_cast<int>(kWarps);  // products that a thread transposes at a time
constexpr unsigned kBlocksAtOnce = 3;  // on a multiprocessor: leaves a thread 80 registers

struct List {
  float* bounds;
  std::int32_t* indices;
  int count;
  float limit;
};

__device__ List list_of(const Candidates& candidates, Index sample) {
  return {candidates.bounds.row(sample), candidates.indices.row(sample), candidates.counts.data[sample],
          candidates.limits.data[sample]};
}

// Keeps the `kept` smallest bounds in their order; among equal bounds, those that were added first.
__device__ void cut(List& list, int kept, int* histogram) {
  const auto last =
      select<std::uint32_t>(list.count, kept - 1, histogram, [&](int c) { return key_of(list.bounds[c]); });
  int places = kept - last.below;  // for bounds equal to the last one
  int count = 0;
  for (int start = 0; start < list.count; start += kLanes) {
    const int c = start + static_cast<int>(lane_of_thread());
    const bool inside = c < list.count;
    const float bound = inside ? list.bounds[c] : 0.0F;
    const std::int32_t index = inside ? list.indices[c] : 0;
    const Votes equal = count_votes(inside && key_of(bound) == last.key);
    const bool stays =
        inside && (key_of(bound) < last.key || (key_of(bound) == last.key && equal.before < places));
    places -= equal.all;
    const Votes staying = count_votes(stays);
    __syncwarp();  // every lane has read, and a vote orders no memory; elements are written to earlier places
    if (stays) {
      list.bounds[count + staying.before] = bound;
      list.indices[count + staying.before] = index;
    }
    count += staying.all;
  }
  list.count = count;
  list.limit = value_of<float>(last.key);
}

// The properties that all lists of a kernel share, and the histograms of its warps.
struct Cutter {
  int kept;
  int capacity;

  __device__ int* histogram() const {
    __shared__ int histograms[kWarps][kDigits];
    return histograms[threadIdx.x / kWarp];
  }

  // Offers one pair for each lane, in the order of the lanes.
  __device__ void offer(List& list, bool is_pair, float bound, Index other) const {
    const bool below = is_pair && bound < list.limit;
    const Votes votes = count_votes(below);
    if (votes.all == 0) return;
    if (below) {
      list.bounds[list.count + votes.before] = bound;
      list.indices[list.count + votes.before] = static_cast<std::int32_t>(other);
    }
    list.count += votes.all;
    if (list.count <= capacity - kLanes) return;
    cut(list, kept, histogram());
  }
};

__device__ float bound_of(float norm, float other_norm, float dot) { return norm + other_norm - 2 * dot; }

// The columns of a tile: a block has kWarp columns, which it transposes in shared memory. While one part of
// their products is compared, the next one is loaded.
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    keep_of_columns(View<const float, 2> dots, View<const float, 1> norms, Index first_row,
                    Index first_column, Candidates candidates, Cutter cutter) {
  __shared__ float products[kWarp][kWarp + 1];
  __shared__ int counts[kWarp];
  __shared__ float limits[kWarp];
  const int lane = static_cast<int>(lane_of_thread());
  const int warp = static_cast<int>(threadIdx.x / kWarp);
  const Index start = static_cast<Index>(blockIdx.x) * kLanes;
  const Index left = dots.shape[1] - start;
  const int columns = left < kLanes ? static_cast<int>(left) : kLanes;
  for (int c = warp; c < columns; c += static_cast<int>(kWarps)) {
    const List list = list_of(candidates, first_column + start + c);
    if (lane == 0) counts[c] = list.count, limits[c] = list.limit;
  }
  const Index last_column = first_column + start + columns - 1;
  const Index rows = last_column - first_row < dots.shape[0] ? last_column - first_row : dots.shape[0];
  float next[kLoads];
  float next_norm = 0;
  const auto fetch = [&](Index first) {
#pragma unroll
    for (int p = 0; p < kLoads; ++p) {
      const Index row = first + warp + p * static_cast<int>(kWarps);
      next[p] = row < rows && lane < columns ? dots.row(row)[start + lane] : 0.0F;
    }
    next_norm = first + lane < rows ? norms.data[first_row + first + lane] : 0.0F;
  };
  fetch(0);
  for (Index first = 0; first < rows; first += kLanes) {
    __syncthreads();
#pragma unroll
    for (int p = 0; p < kLoads; ++p) products[warp + p * static_cast<int>(kWarps)][lane] = next[p];
    __syncthreads();
    const Index other = first_row + first + lane;
    const bool inside = first + lane < rows;
    const float other_norm = next_norm;
    fetch(first + kLanes);
    for (int c = warp; c < columns; c += static_cast<int>(kWarps)) {
      const Index sample = first_column + start + c;
      List list = {candidates.bounds.row(sample), candidates.indices.row(sample), counts[c], limits[c]};
      cutter.offer(list, inside && other < sample,
                   bound_of(norms.data[sample], other_norm, products[lane][c]), other);
      __syncwarp();  // every lane has read the count and the limit
      if (lane == 0) counts[c] = list.count, limits[c] = list.limit;
    }
  }
  __syncthreads();
  for (int c = static_cast<int>(threadIdx.x); c < columns; c += static_cast<int>(kThreads)) {
    candidates.counts.data[first_column + start + c] = counts[c];
    candidates.limits.data[first_column + start + c] = limits[c];
  }
}

// The rows of a tile: a warp has one row.
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    keep_of_rows(View<const float, 2> dots, View<const float, 1> norms, Index first_row, Index first_column,
                 Candidates candidates, Cutter cutter) {
  const Index row = static_cast<Index>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (row >= dots.shape[0]) return;
  const Index sample = first_row + row;
  const Index behind = sample + 1 > first_column ? sample + 1 - first_column : 0;
  if (behind >= dots.shape[1]) return;
  const float norm = norms.data[sample];
  List list = list_of(candidates, sample);
  for (Index start = behind; start < dots.shape[1]; start += kAhead * kLanes) {
    float bounds[kAhead];
#pragma unroll
    for (int a = 0; a < kAhead; ++a) {
      const Index c = start + a * kLanes + lane_of_thread();
      bounds[a] =
          c < dots.shape[1] ? bound_of(norm, norms.data[first_column + c], dots.row(row)[c]) : HUGE_VALF;
    }
#pragma unroll
    for (int a = 0; a < kAhead; ++a) {
      const Index c = start + a * kLanes + lane_of_thread();
      cutter.offer(list, c < dots.shape[1], bounds[a], first_column + c);
    }
  }
  __syncwarp();  // every lane has read the list's state
  if (lane_of_thread() == 0) {
    candidates.counts.data[sample] = list.count;
    candidates.limits.data[sample] = list.limit;
  }
}

__global__ void __launch_bounds__(kThreads) cut_lists(CutCandidates op, Cutter cutter) {
  const Index sample = static_cast<Index>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (sample >= op.error_bounds.shape[0]) return;
  List list = list_of(op.candidates, sample);
  if (list.count > cutter.kept) cut(list, cutter.kept, cutter.histogram());
  double kth_estimate = 0;
  double largest_error = HUGE_VAL;
  if (list.count >= op.k) {
    const auto estimate_at = [&](int c) {
      return estimate_from_bound(list.bounds[c], op.unit, op.error_bounds.data[sample],
                                 op.error_bounds.data[list.indices[c]]);
    };
    const auto key_at = [&](int c) { return key_of(estimate_at(c).squared); };
    const int rank = static_cast<int>(op.k) - 1;
    kth_estimate = value_of<double>(select<std::uint64_t>(list.count, rank, cutter.histogram(), key_at).key);
    largest_error = 0;
    for (int c = static_cast<int>(lane_of_thread()); c < list.count; c += kLanes) {
      largest_error = fmax(largest_error, estimate_at(c).error);
    }
    largest_error = warp_max(largest_error);
  }
  __syncwarp();  // every lane has read the list's state
  if (lane_of_thread() != 0) return;
  op.kth_estimates.row(sample)[0] = kth_estimate;
  op.kth_estimates.row(sample)[1] = largest_error;
  op.candidates.counts.data[sample] = list.count;
  op.candidates.limits.data[sample] = list.limit;
}

Cutter cutter_of(Index kept, const Candidates& candidates) {
  return {static_cast<int>(kept), static_cast<int>(candidates.capacity())};
}

}  // namespace

// Every pair i < j is met once and added to the lists of both samples. The columns come first: a sample's
// pairs with smaller indices are added before those with larger ones.
template <>
void run(const KeepNearest& op, Stream stream) {
  const Cutter cutter = cutter_of(op.kept, op.candidates);
  launch("keep_nearest of columns", keep_of_columns, {ceil_div(op.dots.shape[1], kLanes)}, kThreads, 0,
         stream, op.dots, op.norms, op.first_row, op.first_column, op.candidates, cutter);
  launch("keep_nearest of rows", keep_of_rows, {ceil_div(op.dots.shape[0], kWarps)}, kThreads, 0, stream,
         op.dots, op.norms, op.first_row, op.first_column, op.candidates, cutter);
}

template <>
void run(const CutCandidates& op, Stream stream) {
  launch("cut_candidates", cut_lists, {ceil_div(op.error_bounds.shape[0], kWarps)}, kThreads, 0, stream, op,
         cutter_of(op.kept, op.candidates));
}

}  // namespace bitlens::cuda
