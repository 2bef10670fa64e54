// The QL algorithm without square roots (Pal, Walker and Kahan; LAPACK's dsterf), in lockstep over matrices,
// and traces from the pivots of a factorisation.
#include "cpu/simd/eigenvalues.hpp"

#include <cfloat>
#include <cmath>

#include "core/spectra.hpp"
#include "cpu/simd/vectors.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

using Lanes = Vector<double>;
constexpr Index kVectors = kLockstep / kWidth<double>;

// Squared couplings of matrices scaled to a largest element of 1.
constexpr double kNegligible = DBL_EPSILON * DBL_EPSILON;
constexpr double kTiny = 1e-300;  // replaces 0 where a quotient must be finite
constexpr Index kMaxSweeps = 60;  // for each eigenvalue; two are usual

BITLENS_ALWAYS_INLINE Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }

// Divides each matrix by its largest element, which is stored in `largest`.
void scale_to_one(double* diagonals, double* couplings, Index n, double* largest) {
  for (Index m = 0; m < kLockstep; ++m) largest[m] = 1e-150;  // for a zero matrix; the square is above 0
  for (Index i = 0; i < n; ++i) {
    for (Index m = 0; m < kLockstep; ++m) {
      const double d = std::fabs(diagonals[i * kLockstep + m]);
      const double e = std::sqrt(couplings[i * kLockstep + m]);
      const double element = d > e ? d : e;
      largest[m] = element > largest[m] ? element : largest[m];
    }
  }
  for (Index i = 0; i < n; ++i) {
    for (Index m = 0; m < kLockstep; ++m) {
      diagonals[i * kLockstep + m] /= largest[m];
      couplings[i * kLockstep + m] /= largest[m] * largest[m];
    }
  }
}

// Advances first[m] to the first unfinished eigenvalue of matrix m, or to n if all are finished. Returns the
// smallest.
Index advance(const double* couplings, Index n, Index* first) {
  Index lowest = n;
  for (Index m = 0; m < kLockstep; ++m) {
    Index i = first[m];
    while (i < n - 1 && !(couplings[i * kLockstep + m] > kNegligible)) ++i;
    first[m] = i < n - 1 ? i : n;
    if (first[m] < lowest) lowest = first[m];
  }
  return lowest;
}

// Wilkinson's shift of the leading unfinished 2 x 2 block of each matrix.
void choose_shifts(const double* diagonals, const double* couplings, Index n, const Index* first,
                   double* shifts) {
  for (Index m = 0; m < kLockstep; ++m) {
    if (first[m] == n) {
      shifts[m] = 0;
      continue;
    }
    const double* d = diagonals + first[m] * kLockstep + m;
    const double e = std::sqrt(couplings[first[m] * kLockstep + m]);
    const double ratio = (d[kLockstep] - d[0]) / (2 * e);
    const double root = std::sqrt(ratio * ratio + 1);
    shifts[m] = d[0] - e / (ratio < 0 ? ratio - root : ratio + root);
  }
}

// One QL step of every unfinished matrix: rotations from the last row up to the first unfinished one.
void sweep(double* diagonals, double* couplings, Index n, const Index* first, Index lowest,
           const double* shifts) {
  const Lanes zero = {};
  const Lanes one = zero + 1.0;
  alignas(kVectorBytes) double starts[kLockstep];  // as doubles, which all instruction sets can compare
  for (Index m = 0; m < kLockstep; ++m) starts[m] = static_cast<double>(first[m]);
  Lanes start[kVectors];
  Lanes shift[kVectors];
  Lanes cosine[kVectors];  // squared, as is the sine
  Lanes sine[kVectors];
  Lanes gamma[kVectors];
  Lanes p[kVectors];  // gamma^2 / cosine
  for (Index q = 0; q < kVectors; ++q) {
    start[q] = load(starts + q * kWidth<double>);
    shift[q] = load(shifts + q * kWidth<double>);
    cosine[q] = one;
    sine[q] = zero;
    gamma[q] = load(diagonals + (n - 1) * kLockstep + q * kWidth<double>) - shift[q];
    p[q] = larger(gamma[q] * gamma[q], zero + kTiny);
  }
  for (Index i = n - 2; i >= lowest; --i) {
    const Lanes row = zero + static_cast<double>(i);
    for (Index q = 0; q < kVectors; ++q) {
      double* d = diagonals + i * kLockstep + q * kWidth<double>;
      double* e = couplings + i * kLockstep + q * kWidth<double>;
      const auto active = start[q] <= row;
      const Lanes stored = load(e);
      const Lanes e2 = stored > kNegligible ? stored : zero;
      const Lanes alpha = load(d);
      const Lanes r = p[q] + e2;
      const Lanes inverse = one / r;
      const Lanes next_cosine = p[q] * inverse;
      const Lanes next_sine = e2 * inverse;
      const Lanes next_gamma = next_cosine * (alpha - shift[q]) - next_sine * gamma[q];
      const Lanes square = next_gamma * next_gamma;
      // Where gamma is 0 the quotient is replaced by its limit.
      const Lanes next_p = p[q] > kTiny ? square * (r / p[q]) : square + cosine[q] * e2;
      store(e + kLockstep, active ? sine[q] * r : load(e + kLockstep));
      store(d + kLockstep, active ? gamma[q] + (alpha - next_gamma) : load(d + kLockstep));
      cosine[q] = active ? next_cosine : cosine[q];
      sine[q] = active ? next_sine : sine[q];
      gamma[q] = active ? next_gamma : gamma[q];
      p[q] = active ? larger(next_p, zero + kTiny) : p[q];
    }
  }
  alignas(kVectorBytes) double diagonal[kLockstep];
  alignas(kVectorBytes) double coupling[kLockstep];
  for (Index q = 0; q < kVectors; ++q) {
    store(diagonal + q * kWidth<double>, shift[q] + gamma[q]);
    store(coupling + q * kWidth<double>, sine[q] * p[q]);
  }
  for (Index m = 0; m < kLockstep; ++m) {
    if (first[m] == n) continue;
    diagonals[first[m] * kLockstep + m] = diagonal[m];
    couplings[first[m] * kLockstep + m] = coupling[m];
  }
}

void eigenvalues(double* diagonals, double* couplings, Index n) {
  alignas(kVectorBytes) double largest[kLockstep];
  alignas(kVectorBytes) double shifts[kLockstep];
  Index first[kLockstep] = {};
  scale_to_one(diagonals, couplings, n, largest);
  for (Index step = 0; step < kMaxSweeps * n; ++step) {
    const Index lowest = advance(couplings, n, first);
    if (lowest == n) break;
    choose_shifts(diagonals, couplings, n, first, shifts);
    sweep(diagonals, couplings, n, first, lowest, shifts);
  }
  for (Index i = 0; i < n; ++i) {
    for (Index m = 0; m < kLockstep; ++m) diagonals[i * kLockstep + m] *= largest[m];
  }
}

void resolvent_traces(const double* diagonal, const double* couplings, Index n, const double* shifts,
                      Index count, double* traces) {
  constexpr Index width = kWidth<double>;
  const Index vectors = (count + width - 1) / width;
  ResolventTrace<Lanes> trace[kMaxShifts / width] = {};
  alignas(kVectorBytes) double lanes[kMaxShifts] = {};
  for (Index s = 0; s < vectors * width; ++s) lanes[s] = shifts[s < count ? s : 0];
  for (Index q = 0; q < vectors; ++q) trace[q] = {load(lanes + q * width), diagonal[0]};
  for (Index i = 1; i <= n; ++i) {
    const double next = i < n ? diagonal[i] : 0;
    const double coupling = i < n ? couplings[i - 1] : 0;
    for (Index q = 0; q < vectors; ++q) trace[q].step(next, coupling);
  }
  for (Index q = 0; q < vectors; ++q) store(lanes + q * width, trace[q].trace);
  for (Index s = 0; s < count; ++s) traces[s] = lanes[s];
}

// The resolvent R of one shift from the pivots p of one factorisation, so that all elements have the same
// backward error: R_ii = 1 / p_i + ratios[i]^2 R_i+1,i+1, times a weight, and R_ij = ratios[j] R_i,j+1 for i
// > j.
bool resolvent(const double* diagonal, const double* off_diagonal, Index n, double shift, double weight,
               Index step, double* ratios, double* elements) {
  double change = 0;  // of the pivot of row i by the rows before it
  for (Index i = 0; i < n; ++i) {
    const double pivot = diagonal[i] + shift + change;
    if (!(pivot > 0)) return false;
    const double coupling = i < n - 1 ? off_diagonal[i] : 0;
    elements[i * step] = weight / pivot;
    ratios[i * step] = -coupling / pivot;
    change = coupling * ratios[i * step];
  }
  for (Index i = n - 2; i >= 0; --i) {
    const double ratio = ratios[i * step];
    elements[i * step] += ratio * ratio * elements[(i + 1) * step];
  }
  return true;
}

// Rows are computed in groups, one in each lane, from the last column to the first. A row's elements of one
// shift are products of ratios, which are the smaller the larger the shift is.
bool resolvent_sum(const double* diagonal, const double* off_diagonal, Index n, const double* shifts,
                   const double* weights, Index count, double* scratch, double* sum, Index stride) {
  constexpr Index width = kWidth<double>;
  constexpr double negligible = 1e-200;
  Lanes values[kMostResolvents];
  for (Index s = 0; s < count; ++s) {
    double* ratios = scratch + s;  // those of all shifts lie side by side
    if (!resolvent(diagonal, off_diagonal, n, shifts[s], weights[s], count, ratios, ratios + n * count))
      return false;
  }
  for (Index first = 0; first < n; first += width) {
    const Index end = first + width < n ? first + width : n;
    for (Index s = 0; s < count; ++s) values[s] = Lanes{};
    Index active = count;
    for (Index j = end - 1; j >= 0; --j) {
      Lanes total = {};
      const double* ratios = scratch + j * count;
      for (Index s = 0; s < active; ++s) values[s] *= ratios[s];
      if (j >= first) {
        for (Index s = 0; s < active; ++s) values[s][j - first] = ratios[n * count + s];
      }
      for (Index s = 0; s < active; ++s) total += values[s];
      for (Index i = j > first ? j : first; i < end; ++i) sum[i * stride + j] += total[i - first];
      while (j < first && active > 0) {
        const Lanes& last = values[active - 1];
        double largest = 0;
        for (Index l = 0; l < width; ++l)
          largest = last[l] > largest ? last[l] : -last[l] > largest ? -last[l] : largest;
        if (largest > negligible) break;
        --active;
      }
      if (active == 0) break;
    }
  }
  return true;
}

}  // namespace

const EigenvalueLoops eigenvalue_loops = {eigenvalues, resolvent_traces, resolvent_sum};

}  // namespace bitlens::cpu::BITLENS_ISA
