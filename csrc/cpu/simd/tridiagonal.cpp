// Householder's tridiagonalisation, one matrix at a time, from the last row up so that rows stay aligned.
//
// A step eliminates row k with a reflector x and changes the rows above by A -= v w' + w v'. The update is
// postponed until the next step multiplies A with its reflector, so that each step passes over the matrix
// once.
#include "cpu/simd/tridiagonal.hpp"

#include "core/spectra.hpp"
#include "cpu/simd/vectors.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

template <class T>
constexpr Index kRows = kWidth<T> < 4 ? kWidth<T> : 4;  // rows that share the loads of v, w, x and y

template <class T>
Index whole_vectors(Index n) {
  return (n + kWidth<T> - 1) / kWidth<T> * kWidth<T>;
}

// Fills the elements beyond the lower triangle that the loops read: the upper part of the tiles on the
// diagonal, and zeros in the padding.
template <class T>
void complete_tiles(T* matrix, Index n) {
  const Index stride = padded<T>(n);
  for (Index i = 0; i < stride; ++i) {
    const Index tile = i / kWidth<T> * kWidth<T>;
    if (i >= n) {
      for (Index j = 0; j < tile; ++j) matrix[i * stride + j] = 0;
    }
    for (Index j = i >= n ? tile : i + 1; j < tile + kWidth<T>; ++j) {
      matrix[i * stride + j] = j < n && i < n ? matrix[j * stride + i] : 0;
    }
  }
}

// row[0..k] -= v[k] w + w[k] v: the pending update of one row.
template <class T>
void update_row(T* row, Index k, const T* v, const T* w) {
  for (Index j = 0; j <= k; j += kWidth<T>) {
    store(row + j, load(row + j) - v[k] * load(w + j) - w[k] * load(v + j));
  }
}

// x = the reflector of row[0..k), 0 beyond.
template <class T>
Reflector<T> reflect(const T* row, Index k, T* x) {
  const Index end = whole_vectors<T>(k);
  for (Index j = 0; j < end; j += kWidth<T>) store(x + j, load(row + j));
  for (Index j = k; j < end; ++j) x[j] = 0;
  Vector<T> squares = {};
  for (Index j = 0; j < end; j += kWidth<T>) squares += load(x + j) * load(x + j);
  const Reflector<T> reflector(sum<T>(squares), x[k - 1]);
  x[k - 1] = reflector.last;
  if (reflector.scale == 0) {
    for (Index j = 0; j < k; ++j) x[j] = 0;
  }
  return reflector;
}

// A -= v w' + w v' in the leading k rows, and y = A x with the updated A.
template <class T>
void update_and_multiply(T* matrix, Index stride, Index k, const T* v, const T* w, const T* x, T* y) {
  constexpr Index rows = kRows<T>;
  const Vector<T> zero = {};
  for (Index j = 0; j < k; j += kWidth<T>) store(y + j, zero);
  for (Index first = 0; first < k; first += rows) {
    T* row[rows];
    Vector<T> dot[rows];
    Vector<T> vi[rows];
    Vector<T> wi[rows];
    Vector<T> xi[rows];
    for (Index r = 0; r < rows; ++r) {
      row[r] = matrix + (first + r) * stride;
      dot[r] = zero;
      vi[r] = zero + v[first + r];
      wi[r] = zero + w[first + r];
      xi[r] = zero + x[first + r];
    }
    // To the left of the tile on the diagonal, an element belongs to its row and, mirrored, to its column.
    const Index tile = first / kWidth<T> * kWidth<T>;
    for (Index j = 0; j < tile; j += kWidth<T>) {
      const Vector<T> vj = load(v + j);
      const Vector<T> wj = load(w + j);
      const Vector<T> xj = load(x + j);
      Vector<T> yj = load(y + j);
      for (Index r = 0; r < rows; ++r) {
        const Vector<T> a = load(row[r] + j) - wi[r] * vj - vi[r] * wj;
        store(row[r] + j, a);
        dot[r] += a * xj;
        yj += a * xi[r];
      }
      store(y + j, yj);
    }
    const Vector<T> vj = load(v + tile);
    const Vector<T> wj = load(w + tile);
    const Vector<T> xj = load(x + tile);
    for (Index r = 0; r < rows; ++r) {
      const Vector<T> a = load(row[r] + tile) - wi[r] * vj - vi[r] * wj;
      store(row[r] + tile, a);
      dot[r] += a * xj;
    }
    for (Index r = 0; r < rows; ++r) y[first + r] += sum<T>(dot[r]);
  }
}

// The next update, v = x and w = p - (scale / 2 x'p) x with p = scale y.
template <class T>
void next_update(const T* x, T* y, Index k, T scale, T* v, T* w) {
  for (Index j = k; j < whole_vectors<T>(k); ++j) y[j] = 0;  // rows that are finished
  Vector<T> products = {};
  for (Index j = 0; j < k; j += kWidth<T>) products += load(x + j) * load(y + j);
  const T share = scale / 2 * sum<T>(products);
  for (Index j = 0; j < k; j += kWidth<T>) {
    store(v + j, load(x + j));
    store(w + j, scale * (load(y + j) - share * load(x + j)));
  }
}

template <class T>
void tridiagonalize(T* matrix, Index n, T* scratch, double* diagonal, double* couplings) {
  const Index stride = padded<T>(n);
  T* v = scratch;
  T* w = v + stride;
  T* x = w + stride;
  T* y = x + stride;
  for (Index j = 0; j < 4 * stride; ++j) scratch[j] = 0;
  complete_tiles(matrix, n);
  for (Index k = n - 1; k > 0; --k) {
    T* row = matrix + k * stride;
    update_row(row, k, v, w);
    diagonal[k] = row[k];
    const Reflector<T> reflector = reflect(row, k, x);
    couplings[k - 1] = reflector.coupling;
    update_and_multiply(matrix, stride, k, v, w, x, y);
    next_update(x, y, k, reflector.scale, v, w);
  }
  update_row(matrix, 0, v, w);
  diagonal[0] = matrix[0];
}

void with_reflectors(double* matrix, Index n, double* scratch, double* diagonal, double* off_diagonal,
                     double* scales) {
  const Index stride = padded<double>(n);
  double* v = scratch;
  double* w = v + stride;
  double* x = w + stride;
  double* y = x + stride;
  for (Index j = 0; j < 4 * stride; ++j) scratch[j] = 0;
  complete_tiles(matrix, n);
  for (Index k = n - 1; k > 0; --k) {
    double* row = matrix + k * stride;
    update_row(row, k, v, w);
    diagonal[k] = row[k];
    const Reflector<double> reflector = reflect(row, k, x);
    off_diagonal[k - 1] = reflector.scale == 0 ? 0 : row[k - 1] - reflector.last;
    scales[k] = reflector.scale;
    update_and_multiply(matrix, stride, k, v, w, x, y);
    next_update(x, y, k, reflector.scale, v, w);
    // Later steps change this row by multiples of v[k] and w[k], which are 0 from now on.
    for (Index j = 0; j < k; j += kWidth<double>) store(row + j, load(x + j));
  }
  update_row(matrix, 0, v, w);
  diagonal[0] = matrix[0];
}

// Multiplies `rows` rows of a function by the reflectors 1 to k of their row numbers k, from the right.
template <Index rows>
void reflect_rows(const double* reflectors, const double* scales, Index stride, Index first,
                  double* function) {
  for (Index k = 1; k < first + rows; ++k) {
    const double* x = reflectors + k * stride;
    const Index skipped = k > first ? k - first : 0;
    Vector<double> dots[rows] = {};
    for (Index j = 0; j < k; j += kWidth<double>) {
      const Vector<double> xj = load(x + j);
      for (Index r = 0; r < rows; ++r) dots[r] += load(function + (first + r) * stride + j) * xj;
    }
    Vector<double> factors[rows];
    for (Index r = 0; r < rows; ++r) {
      factors[r] = Vector<double>{} + (r < skipped ? 0 : scales[k] * sum<double>(dots[r]));
    }
    for (Index j = 0; j < k; j += kWidth<double>) {
      const Vector<double> xj = load(x + j);
      for (Index r = 0; r < rows; ++r) {
        double* row = function + (first + r) * stride + j;
        store(row, load(row) - factors[r] * xj);
      }
    }
  }
}

// Step k applies reflector k to the columns of rows k and beyond, which is done first, row by row, and to
// both sides of the leading k rows.
void transform_back(const double* reflectors, const double* scales, Index n, double* scratch,
                    double* function) {
  constexpr Index rows = kRows<double>;
  const Index stride = padded<double>(n);
  double* v = scratch;
  double* w = v + stride;
  double* y = w + stride;
  double* x = y + stride;
  for (Index j = 0; j < 4 * stride; ++j) scratch[j] = 0;
  Index first = 0;
  for (; first + rows <= n; first += rows) reflect_rows<rows>(reflectors, scales, stride, first, function);
  for (; first < n; ++first) reflect_rows<1>(reflectors, scales, stride, first, function);
  complete_tiles(function, n);
  for (Index k = 1; k < n; ++k) {
    for (Index j = 0; j < k; j += kWidth<double>) store(x + j, load(reflectors + k * stride + j));
    update_and_multiply(function, stride, k, v, w, x, y);
    next_update(x, y, k, scales[k], v, w);
  }
  for (Index i = 0; i < n - 1; ++i) update_row(function + i * stride, i, v, w);
}

}  // namespace

const TridiagonalLoops tridiagonal_loops = {tridiagonalize<float>, tridiagonalize<double>, with_reflectors,
                                            transform_back};

}  // namespace bitlens::cpu::BITLENS_ISA
