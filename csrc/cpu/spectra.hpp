// Reduces many matrices to tridiagonal form and to eigenvalues on all threads, for the operations that need
// them.
#pragma once

#include <algorithm>
#include <vector>

#include "cpu/parallel.hpp"
#include "cpu/simd/eigenvalues.hpp"
#include "cpu/simd/tridiagonal.hpp"

namespace bitlens::cpu {

// The work of one task: n^3, summed over its matrices. It takes a few tenths of a second.
inline constexpr Index kGroupWork = Index{1} << 31;

template <class T>
class AlignedBuffer {
 public:
  explicit AlignedBuffer(Index size) : tiles_(static_cast<std::size_t>(padded<T>(size) / kTile)) {}
  T* data() { return tiles_.front().values; }

 private:
  static constexpr Index kTile = kAlignment / static_cast<Index>(sizeof(T));
  struct alignas(kAlignment) Tile {
    T values[kTile];
  };
  std::vector<Tile> tiles_;
};

// A matrix to be reduced, and the tridiagonal matrix that it is reduced to.
template <class T>
struct Workspace {
  explicit Workspace(Index size)
      : n(size), matrix(padded<T>(n) * padded<T>(n)), scratch(4 * padded<T>(n)), diagonal(n), couplings(n) {}

  void reduce() { tridiagonalize(matrix.data(), n, scratch.data(), diagonal.data(), couplings.data()); }

  Index n;
  AlignedBuffer<T> matrix;
  AlignedBuffer<T> scratch;
  AlignedBuffer<double> diagonal;
  AlignedBuffer<double> couplings;
};

// Calls body(first, last) for groups of [0, count). A group is large enough to fill the lanes of a lockstep,
// but small enough to keep all threads busy and interrupts prompt. n is at most kMostRows, so its third power
// does not overflow.
template <class Body>
void for_each_group(Index count, Index n, Body&& body) {
  const Index share = (count + num_threads() - 1) / num_threads();
  const Index group = std::clamp<Index>(std::min(share, kGroupWork / (n * n * n)), 1, kLockstep);
  parallel_for(ceil_div(count, group),
               [&](Index task) { body(task * group, std::min(count, (task + 1) * group)); });
}

// Computes all eigenvalues of `count` matrices. fill(m, matrix) writes the lower triangle of matrix m and
// returns a number. Afterwards finish(m, number, eigenvalues) is called with that number.
template <class T, class Fill, class Finish>
void for_each_spectrum(Index count, Index n, Fill&& fill, Finish&& finish) {
  for_each_group(count, n, [&](Index first, Index last) {
    Workspace<T> work(n);
    AlignedBuffer<double> diagonals(n * kLockstep);
    AlignedBuffer<double> couplings(n * kLockstep);
    double numbers[kLockstep];
    for (Index m = first; m < last; ++m) {
      numbers[m - first] = fill(m, work.matrix.data());
      work.reduce();
      for (Index i = 0; i < n; ++i) {
        diagonals.data()[i * kLockstep + m - first] = work.diagonal.data()[i];
        couplings.data()[i * kLockstep + m - first] = work.couplings.data()[i];
      }
    }
    eigenvalue_loops().eigenvalues(diagonals.data(), couplings.data(), n);
    for (Index m = first; m < last; ++m) {
      double* eigenvalues = work.diagonal.data();
      for (Index i = 0; i < n; ++i) eigenvalues[i] = diagonals.data()[i * kLockstep + m - first];
      finish(m, numbers[m - first], eigenvalues);
    }
  });
}

}  // namespace bitlens::cpu
