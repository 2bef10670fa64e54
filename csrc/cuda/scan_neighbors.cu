// The search by a scan. A block has some rows, and each of its threads a column at a time.
#include "core/float_keys.hpp"
#include "core/ops/scan_neighbors.hpp"
#include "cuda/launch.cuh"
#include "cuda/measured_row.cuh"
#include "cuda/select.cuh"

namespace bitlens::cuda {
namespace {

constexpr int kRows = 8;      // of a block; all are in one panel
constexpr int kDepth = 256;   // coordinates of the rows that are in shared memory at a time
constexpr int kListed = 512;  // columns that a row may collect before distances are computed
constexpr Index kPanel = kCuda.panel;
constexpr int kPanelsAtOnce = static_cast<int>(kThreads / kPanel);
constexpr unsigned kBlocksAtOnce = 2;  // on a multiprocessor: leaves a thread 128 registers
static_assert(kPanel % kRows == 0 && kThreads % kPanel == 0);
static_assert(kCuda.scan_scratch == kListed + 1);

// What a block shares: for each row, the columns that may be among its nearest, and what is known of these.
// The nearest until now are in the rows of the results, up to k + 1 of them after each sort.
struct Shared {
  float values[kDepth][kRows];
  float bounds[kRows][kListed];
  std::int32_t places[kRows][kListed];
  int listed[kRows];
  int found[kRows];
  int measured[kRows];
  double kth[kRows];  // the k-th smallest squared distance
  float limits[kRows];
  float lowest;  // bounds up to this one are measured first
  int histogram[kDigits];
};

template <class T>
struct Scan {
  ScanNeighbors<T> op;
  Shared& shared;
  Index first;  // place of the block's first row

  __device__ Index sample_of(int r) const { return op.of_rows.samples.data[first + r]; }

  // The products of this thread's column with all rows of the block.
  __device__ void multiply(Index panel, bool inside, float* dots) const {
    const Index length = op.of_rows.panels.shape[1];
    const Index lane = threadIdx.x % kPanel;
    for (int r = 0; r < kRows; ++r) dots[r] = 0;
    for (Index start = 0; start < length; start += kDepth) {
      const int depth = static_cast<int>(length - start < kDepth ? length - start : kDepth);
      __syncthreads();  // the previous values have been read
      for (int i = static_cast<int>(threadIdx.x); i < depth * kRows; i += static_cast<int>(kThreads)) {
        shared.values[i / kRows][i % kRows] =
            op.of_rows.panels.row(first / kPanel, start + i / kRows)[first % kPanel + i % kRows];
      }
      __syncthreads();
      if (!inside) continue;
      for (int d = 0; d < depth; ++d) {
        const float value = op.of_columns.panels.row(panel, start + d)[lane];
#pragma unroll
        for (int r = 0; r < kRows; ++r) dots[r] = fmaf(shared.values[d][r], value, dots[r]);
      }
    }
  }

  // Looks at all columns. The panels after that of the rows come first, because near samples are in near
  // panels.
  __device__ void look_at_columns(int rows) const {
    const Index columns = op.columns.shape[0];
    const Index panels = op.of_columns.panels.shape[0];
    const Index own = op.same ? first / kPanel : 0;
    for (Index visited = 0; visited < panels; visited += kPanelsAtOnce) {
      const Index turn = visited + threadIdx.x / kPanel;
      const Index panel = (own + turn) % panels;
      const Index place = panel * kPanel + threadIdx.x % kPanel;
      const bool inside = turn < panels && place < columns;
      float dots[kRows];
      multiply(panel, inside, dots);
      const float norm = inside ? op.of_columns.norms.data[place] : 0.0F;
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        if (r >= rows || !inside || (op.same && place == first + r)) continue;
        const float bound = op.of_rows.norms.data[first + r] + norm - 2 * dots[r];
        if (!(bound < shared.limits[r])) continue;
        const int position = atomicAdd(&shared.listed[r], 1);
        shared.bounds[r][position] = bound;
        shared.places[r][position] = static_cast<std::int32_t>(place);
      }
      __syncthreads();
      for (int r = 0; r < rows; ++r) {
        if (shared.listed[r] > kListed - static_cast<int>(kThreads)) measure_list(r);
      }
    }
    for (int r = 0; r < rows; ++r) measure_list(r);
  }

  // Measures what the bounds of a row's list leave open, and empties the list.
  __device__ void measure_list(int r) const {
    const int count = shared.listed[r];
    const int rank = static_cast<int>(op.k + op.k / 4 + 8);
    float lowest = -HUGE_VALF;
    if (shared.found[r] < op.k && rank < count) {
      if (threadIdx.x < kWarp) {
        const auto key_at = [&](int c) { return key_of(shared.bounds[r][c]); };
        const auto selected = select<std::uint32_t>(count, rank, shared.histogram, key_at);
        if (threadIdx.x == 0) shared.lowest = value_of<float>(selected.key);
      }
      __syncthreads();
      lowest = shared.lowest;
      measure(r, count, [=](float bound) { return bound <= lowest; });
    }
    measure(r, count, [=](float bound) { return !(bound <= lowest); });
    if (threadIdx.x == 0) shared.listed[r] = 0;
    __syncthreads();
  }

  // Measures some columns of a row's list and keeps the nearest.
  template <class Chosen>
  __device__ void measure(int r, int count, Chosen chosen) const {
    const Index sample = sample_of(r);
    const int before = shared.found[r];
    const double kth = shared.kth[r];
    const float limit = shared.limits[r];
    __syncthreads();  // every thread has read what is changed below
    for (int start = 0; start < count; start += static_cast<int>(kThreads)) {
      const int c = start + place_of_thread();
      const bool inside = c < count;
      const Index place = inside ? shared.places[r][c] : 0;
      const auto other = op.of_columns.samples.data[place];
      bool wanted = inside && chosen(shared.bounds[r][c]) && shared.bounds[r][c] < limit;
      // More samples than k may coincide with this one. Nothing is nearer, so only smaller indices matter
      // then.
      if (wanted && kth == 0 && before > op.k) wanted = other <= op.indices.row(sample)[op.k - 1];
      if (op.of_rows.finer.shape[1] > 0) {
        const double errors =
            static_cast<double>(op.of_rows.errors.data[first + r]) + op.of_columns.errors.data[place];
        const double finer =
            measure_wanted(op.of_rows.finer.row(first + r), op.of_columns.finer, place, wanted, HUGE_VAL);
        wanted = wanted && finer - errors <= kth / op.unit;
      }
      const double squared = measure_wanted(op.rows.row(sample), op.columns, other, wanted, HUGE_VAL);
      if (!wanted) continue;
      const int position = atomicAdd(&shared.found[r], 1);
      op.squared.row(sample)[position] = squared;
      op.indices.row(sample)[position] = other;
    }
    __syncthreads();
    sort({op.squared.row(sample), op.indices.row(sample), shared.found[r]});
    if (threadIdx.x == 0) {
      shared.measured[r] += shared.found[r] - before;
      if (shared.found[r] > op.k) shared.found[r] = static_cast<int>(op.k) + 1;
      if (shared.found[r] >= op.k) {
        shared.kth[r] = op.squared.row(sample)[op.k - 1];
        shared.limits[r] = nextafterf(static_cast<float>(shared.kth[r] / op.unit), HUGE_VALF);
      }
    }
    __syncthreads();
  }

  __device__ void write(int r) const {
    const Index sample = sample_of(r);
    if (threadIdx.x != 0) return;
    const double* squared = op.squared.row(sample);
    op.ties.data[sample] = shared.found[r] > op.k && squared[op.k] == squared[op.k - 1] ? 1 : 0;
    op.measured.data[sample] = shared.measured[r];
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce) scan_columns(ScanNeighbors<T> op) {
  __shared__ Shared shared;
  const Index first = static_cast<Index>(blockIdx.x) * kRows;
  const Index left = op.rows.shape[0] - first;
  const int rows = static_cast<int>(left < kRows ? left : kRows);
  for (int r = static_cast<int>(threadIdx.x); r < kRows; r += static_cast<int>(kThreads)) {
    shared.listed[r] = shared.found[r] = shared.measured[r] = 0;
    shared.kth[r] = HUGE_VAL;
    shared.limits[r] = HUGE_VALF;
  }
  const Scan<T> scan{op, shared, first};
  scan.look_at_columns(rows);
  for (int r = 0; r < rows; ++r) scan.write(r);
}

template <class T>
void search(const ScanNeighbors<T>& op, Stream stream) {
  require_at_most(op.squared.shape[1], INT32_MAX / 4, "squared: width of a row");
  launch("scan_neighbors", scan_columns<T>, {ceil_div(op.rows.shape[0], kRows)}, kThreads, 0, stream, op);
}

}  // namespace

template <>
void run(const ScanNeighbors<float>& op, Stream stream) {
  search(op, stream);
}
template <>
void run(const ScanNeighbors<double>& op, Stream stream) {
  search(op, stream);
}

}  // namespace bitlens::cuda
