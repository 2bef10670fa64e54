// Unsigned integers that are ordered as the floating-point numbers they stand for, so that selection works on
// bits.
#pragma once

#include "core/view.hpp"

namespace bitlens {

template <class Float>
struct FloatKey;
template <>
struct FloatKey<float> {
  using type = std::uint32_t;
};
template <>
struct FloatKey<double> {
  using type = std::uint64_t;
};

// Negative numbers have all bits flipped, others only the sign bit.
template <class Float>
BITLENS_HD inline typename FloatKey<Float>::type key_of(Float value) {
  using Key = typename FloatKey<Float>::type;
  constexpr int sign = 8 * sizeof(Key) - 1;
  const Key bits = __builtin_bit_cast(Key, value);
  return bits ^ (bits >> sign ? ~Key{0} : Key{1} << sign);
}

template <class Float>
BITLENS_HD inline Float value_of(typename FloatKey<Float>::type key) {
  using Key = typename FloatKey<Float>::type;
  constexpr int sign = 8 * sizeof(Key) - 1;
  return __builtin_bit_cast(Float, key ^ (key >> sign ? Key{1} << sign : ~Key{0}));
}

}  // namespace bitlens
