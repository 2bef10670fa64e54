// The back-ends that run operations: the constants in which they differ, and their entry points.
#pragma once

#include "core/view.hpp"

namespace bitlens {

// The constants on which the sizes of operands depend.
struct BackEnd {
  Index panel;            // samples in a panel of center_samples and dot_products
  Index selection_block;  // pairs that keep_nearest appends to a list before it looks at the list's length
  Index pair_marks;       // bits that keep_nearest needs for each pair of a tile
  Index search_batch;     // places that exact_neighbors needs in a row of results, in addition to k
  Index scan_scratch;     // places that scan_neighbors needs in a row of results, in addition to k
  bool reads_values;      // whether check() may read elements: those in GPU memory are not read by the host
};

inline constexpr BackEnd kCpu{48, 64, 0, 0, 0, true};
inline constexpr BackEnd kCuda{128, 32, 2, 256, 513, false};

// An operation is a struct of its operands, declared in core/ops/ with a member check(const BackEnd&). The
// caller allocates outputs and calls check() before run(). Each back-end specialises run() for the operations
// that it has.

namespace cpu {

template <class Operation>
void run(const Operation& operation);

}  // namespace cpu

namespace cuda {

using Stream = void*;  // a cudaStream_t

// Enqueues the work on the stream and returns. The caller has made the device of the operands current.
template <class Operation>
void run(const Operation& operation, Stream stream);

// The float64 places that a block needs in the operand `workspace` for a matrix of n rows, in float or in
// double: none if the triangle of the matrix fits into the shared memory of the current device.
Index workspace_for_matrix(Index n, bool in_double);

// The architectures this binary has code for, such as "75,80,90"; empty without CUDA.
const char* architectures();

}  // namespace cuda

}  // namespace bitlens
