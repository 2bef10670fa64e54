// Vectors as wide as the registers of the instruction set that a file is compiled for, by the vector
// extensions of GCC and Clang. Everything is in the instruction set's namespace and inlined, so instruction
// sets share no function.
#pragma once

#include "core/view.hpp"

#define BITLENS_ALWAYS_INLINE static inline __attribute__((always_inline))

namespace bitlens::cpu::BITLENS_ISA {

#if defined(__AVX512F__)
constexpr Index kVectorBytes = 64;
#elif defined(__AVX__)
constexpr Index kVectorBytes = 32;
#else
constexpr Index kVectorBytes = 16;
#endif

template <class T, Index bytes = kVectorBytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
constexpr Index kWidth = kVectorBytes / static_cast<Index>(sizeof(T));

template <class T>
BITLENS_ALWAYS_INLINE Vector<T> load(const T* from) {
  Vector<T> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
BITLENS_ALWAYS_INLINE void store(T* to, Vector<T> v) {
  __builtin_memcpy(to, &v, sizeof v);
}

// The sum of a vector's elements, by halves.
template <class T, Index bytes = kVectorBytes>
BITLENS_ALWAYS_INLINE T sum(typename VectorOf<T, bytes>::type v) {
  if constexpr (bytes == sizeof(T)) {
    return v[0];
  } else {
    typename VectorOf<T, bytes / 2>::type halves[2];
    __builtin_memcpy(halves, &v, sizeof v);
    return sum<T, bytes / 2>(halves[0] + halves[1]);
  }
}

}  // namespace bitlens::cpu::BITLENS_ISA
