// Selection by a warp: the key of a given rank, by its bytes from the highest on.
#pragma once

#include <cstdint>

#include "cuda/reduce.cuh"

namespace bitlens::cuda {

inline constexpr int kDigitBits = 8;
inline constexpr int kDigits = 1 << kDigitBits;
inline constexpr int kDigitsEach = kDigits / static_cast<int>(kWarp);  // of a lane

// Unsigned integers that are ordered as the floating-point numbers they stand for.
inline __device__ std::uint32_t key_of(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  return bits ^ (bits >> 31 ? ~std::uint32_t{0} : std::uint32_t{1} << 31);
}

inline __device__ std::uint64_t key_of(double value) {
  const auto bits = __builtin_bit_cast(std::uint64_t, value);
  return bits ^ (bits >> 63 ? ~std::uint64_t{0} : std::uint64_t{1} << 63);
}

inline __device__ float float_of(std::uint32_t key) {
  return __builtin_bit_cast(float, key ^ (key >> 31 ? std::uint32_t{1} << 31 : ~std::uint32_t{0}));
}

inline __device__ double double_of(std::uint64_t key) {
  return __builtin_bit_cast(double, key ^ (key >> 63 ? std::uint64_t{1} << 63 : ~std::uint64_t{0}));
}

template <class Key>
struct Selected {
  Key key;
  int below;  // how many keys are smaller
};

// Of the keys key_at(0) to key_at(count - 1), the one that `rank` others come before; a histogram of kDigits
// is the warp's own. All lanes take part, and have the result.
template <class Key, class KeyAt>
__device__ Selected<Key> select(int count, int rank, int* histogram, KeyAt&& key_at) {
  const int lane = static_cast<int>(lane_of_thread());
  Selected<Key> found{0, 0};
  Key settled = 0;  // the bits of the key that are known
  for (int shift = 8 * static_cast<int>(sizeof(Key)) - kDigitBits; shift >= 0; shift -= kDigitBits) {
    for (int d = lane; d < kDigits; d += static_cast<int>(kWarp)) histogram[d] = 0;
    __syncwarp();
    for (int c = lane; c < count; c += static_cast<int>(kWarp)) {
      const Key key = key_at(c);
      if ((key & settled) == found.key) atomicAdd(&histogram[(key >> shift) % kDigits], 1);
    }
    __syncwarp();
    int own = 0;
    for (int d = 0; d < kDigitsEach; ++d) own += histogram[lane * kDigitsEach + d];
    int before = own;
    for (unsigned step = 1; step < kWarp; step *= 2) {
      const int other = __shfl_up_sync(kAllLanes, before, step);
      if (lane >= static_cast<int>(step)) before += other;
    }
    before += found.below - own;
    const bool here = before <= rank && rank < before + own;
    int digit = lane * kDigitsEach;
    while (here && before + histogram[digit] <= rank) before += histogram[digit++];
    const unsigned owner = static_cast<unsigned>(__ffs(__ballot_sync(kAllLanes, here)) - 1);
    found.below = __shfl_sync(kAllLanes, before, owner);
    found.key |= static_cast<Key>(__shfl_sync(kAllLanes, digit, owner)) << shift;
    settled |= static_cast<Key>(kDigits - 1) << shift;
  }
  return found;
}

}  // namespace bitlens::cuda
