// The filter of the neighbour search. The kernel of the products marks the pairs below a limit, and stores no
// other ones. After each tile, a warp adds a sample's marked pairs to its list.
#include "core/float_keys.hpp"
#include "core/ops/neighbor_candidates.hpp"
#include "cuda/launch.cuh"
#include "cuda/panel_products.cuh"
#include "cuda/select.cuh"

namespace bitlens::cuda {
namespace {

constexpr int kLanes = static_cast<int>(kWarp);
static_assert(kCuda.selection_block == kLanes);
constexpr int kAhead = 4;              // products that a lane loads before it compares the first one
constexpr unsigned kBlocksAtOnce = 3;  // on a multiprocessor: leaves a thread 80 registers
constexpr int kWords = static_cast<int>(kPanel) / kLanes;  // marks of a sample's pairs with a panel
static_assert(2 * kPanel == kThreads);
static_assert(kCuda.pair_marks == 2);  // for the list of the row, and for that of the column

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
  __device__ void offer(List& list, float bound, Index other) const {
    const bool below = bound < list.limit;
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

// The pairs of a tile whose bound was below the limit of the row's list, and those whose bound was below the
// limit of the column's list. Bit b of word w belongs to other sample 32 w + b of the tile.
struct Marks {
  View<unsigned, 2> of_rows;     // [rows, columns / 32]
  View<unsigned, 2> of_columns;  // [columns, rows / 32]
};

Marks marks_of(const KeepNearest& op) {
  auto* words = reinterpret_cast<unsigned*>(op.marks.data);
  const Index rows = op.dots.shape[0];
  const Index columns = op.dots.shape[1];
  const Index across = columns / kLanes;
  const Index down = rows / kLanes;
  return {{words, {rows, across}, {across, 1}}, {words + rows * across, {columns, down}, {down, 1}}};
}

// Sets the marks of a sample's pairs with a four of other samples.
__device__ void mark(unsigned (&words)[kWords], int four, unsigned bits) {
  constexpr int kFoursOfWord = kLanes / 4;
  if (bits != 0) atomicOr(&words[four / kFoursOfWord], bits << (four % kFoursOfWord * 4));
}

// The norms of a panel's samples, and the limits of their lists.
struct Limits {
  Four norms[kFours];
  Four limits[kFours];
};

// Marks the pairs of two panels, and stores the fours of products that have a marked one.
__global__ void __launch_bounds__(kThreads, kProductBlocks) mark_pairs(KeepNearest op, Marks marks) {
  __shared__ Limits limits[2];
  __shared__ unsigned words[2][kPanel][kWords];
  if (op.upper() && blockIdx.x < blockIdx.y) return;
  const Index first_row = blockIdx.y * kPanel;
  const Index first_column = blockIdx.x * kPanel;
  Products products;
  multiply_panels(op.rows, blockIdx.y, op.columns, blockIdx.x, products);
  // Each thread has one sample of the rows or of the columns.
  const int side = static_cast<int>(threadIdx.x / kPanel);
  const int place = static_cast<int>(threadIdx.x % kPanel);
  const Index sample = place + (side == 0 ? op.first_row + first_row : op.first_column + first_column);
  const bool inside = sample < op.norms.shape[0];
  limits[side].norms[place / 4].at[place % 4] = inside ? op.norms.data[sample] : NAN;
  limits[side].limits[place / 4].at[place % 4] = inside ? op.candidates.limits.data[sample] : NAN;
  for (unsigned& word : words[side][place]) word = 0;
  __syncthreads();

  const View<float, 2> dots{op.dots.row(first_row) + first_column, {kPanel, kPanel}, {op.dots.stride[0], 1}};
#pragma unroll
  for (int p = 0; p < kHalves; ++p) {
#pragma unroll
    for (int q = 0; q < kHalves; ++q) {
      const Four column_norms = limits[1].norms[four_of_columns(q)];
      const Four column_limits = limits[1].limits[four_of_columns(q)];
      unsigned of_columns[4] = {};
      for (int r = 0; r < 4; ++r) {
        const float row_norm = limits[0].norms[four_of_rows(p)].at[r];
        const float row_limit = limits[0].limits[four_of_rows(p)].at[r];
        unsigned of_row = 0;
        bool any = false;
        for (int c = 0; c < 4; ++c) {
          const float bound = bound_of(row_norm, column_norms.at[c], products.at[p][r][q][c]);
          const bool below_row = bound < row_limit;
          const bool below_column = bound < column_limits.at[c];
          of_row |= static_cast<unsigned>(below_row) << c;
          of_columns[c] |= static_cast<unsigned>(below_column) << r;
          any |= below_row || below_column;
        }
        if (any) products.store(p, r, q, dots);
        mark(words[0][four_of_rows(p) * 4 + r], four_of_columns(q), of_row);
      }
      for (int c = 0; c < 4; ++c) mark(words[1][four_of_columns(q) * 4 + c], four_of_rows(p), of_columns[c]);
    }
  }
  __syncthreads();
  for (int w = static_cast<int>(threadIdx.x); w < kPanel * kWords; w += static_cast<int>(kThreads)) {
    const int of = w / kWords;
    const int word = w % kWords;
    marks.of_rows.row(first_row + of)[first_column / kLanes + word] = words[0][of][word];
    marks.of_columns.row(first_column + of)[first_row / kLanes + word] = words[1][of][word];
  }
}

// Adds the marked pairs of the samples on one side of a tile. A warp has one sample.
template <bool of_columns>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    keep_marked(KeepNearest op, Marks marks, Cutter cutter) {
  const Index own = static_cast<Index>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (own >= (of_columns ? op.column_samples() : op.row_samples())) return;
  const Index sample = own + (of_columns ? op.first_column : op.first_row);
  const Index first_other = of_columns ? op.first_row : op.first_column;
  const Index size = of_columns ? op.row_samples() : op.column_samples();  // of the other side
  const Index diagonal = sample - first_other;  // the sample's own place among the others
  const Index begin = !of_columns && diagonal >= 0 ? diagonal + 1 : 0;
  const Index end = of_columns && diagonal < size ? diagonal : size;
  if (begin >= end) return;
  const unsigned* words = (of_columns ? marks.of_columns : marks.of_rows).row(own);
  const auto bound_with = [&](Index other) {
    const float dot = of_columns ? op.dots.row(other)[own] : op.dots.row(own)[other];
    return bound_of(op.norms.data[sample], op.norms.data[first_other + other], dot);
  };
  List list = list_of(op.candidates, sample);
  for (Index start = begin / kLanes * kLanes; start < end; start += kLanes * kLanes) {
    const Index first = start + lane_of_thread() * kLanes;  // other sample of this lane's word
    unsigned word = first < end ? words[first / kLanes] : 0;
    if (first < begin) word &= ~0U << (begin - first);
    if (end - first < kLanes && first < end) word &= ~(~0U << (end - first));
    for (unsigned left = __ballot_sync(kAllLanes, word != 0); left != 0;) {
      Index others[kAhead];
      float bounds[kAhead];
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        const int owner = left != 0 ? __ffs(left) - 1 : 0;
        const bool is_pair = left != 0 && __shfl_sync(kAllLanes, word, owner) >> lane_of_thread() & 1;
        others[a] = start + owner * kLanes + lane_of_thread();
        bounds[a] = is_pair ? bound_with(others[a]) : HUGE_VALF;
        left &= left - 1;
      }
#pragma unroll
      for (int a = 0; a < kAhead; ++a) cutter.offer(list, bounds[a], first_other + others[a]);
    }
  }
  __syncwarp();  // every lane has read the list's state
  if (lane_of_thread() == 0) {
    op.candidates.counts.data[sample] = list.count;
    op.candidates.limits.data[sample] = list.limit;
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
// pairs with smaller indices are added before those with larger ones. Limits only fall while lists are
// filled, so a pair that is not marked would not be kept.
template <>
void run(const KeepNearest& op, Stream stream) {
  require_panels(op.rows, op.columns, op.dots);
  const Marks marks = marks_of(op);
  launch("dot products below limits", mark_pairs, {op.columns.shape[0], op.rows.shape[0]}, kThreads, 0,
         stream, op, marks);
  const Cutter cutter = cutter_of(op.kept, op.candidates);
  launch("keep_nearest of columns", keep_marked<true>, {ceil_div(op.column_samples(), kWarps)}, kThreads, 0,
         stream, op, marks, cutter);
  launch("keep_nearest of rows", keep_marked<false>, {ceil_div(op.row_samples(), kWarps)}, kThreads, 0,
         stream, op, marks, cutter);
}

template <>
void run(const CutCandidates& op, Stream stream) {
  launch("cut_candidates", cut_lists, {ceil_div(op.error_bounds.shape[0], kWarps)}, kThreads, 0, stream, op,
         cutter_of(op.kept, op.candidates));
}

}  // namespace bitlens::cuda
