// Selection by a warp: the key of a given rank, byte by byte from the highest one.
#pragma once

#include <cstdint>

#include "cuda/reduce.cuh"

namespace bitlens::cuda {

inline constexpr int kDigitBits = 8;
inline constexpr int kDigits = 1 << kDigitBits;
inline constexpr int kDigitsEach = kDigits / static_cast<int>(kWarp);  // for each lane

template <class Key>
struct Selected {
  Key key;
  int below;  // how many keys are smaller
};

// The key among key_at(0) to key_at(count - 1) that has `rank` keys before it in ascending order. The
// histogram of kDigits counts belongs to the warp alone. All lanes take part and receive the result. What a
// lane has written before, key_at may read in another lane.
template <class Key, class KeyAt>
__device__ Selected<Key> select(int count, int rank, int* histogram, KeyAt&& key_at) {
  const int lane = static_cast<int>(lane_of_thread());
  Selected<Key> selected{0, 0};
  Key settled = 0;  // the bits of the key that are known
  for (int shift = 8 * static_cast<int>(sizeof(Key)) - kDigitBits; shift >= 0; shift -= kDigitBits) {
    for (int d = lane; d < kDigits; d += static_cast<int>(kWarp)) histogram[d] = 0;
    __syncwarp();
    for (int c = lane; c < count; c += static_cast<int>(kWarp)) {
      const Key key = key_at(c);
      if ((key & settled) == selected.key) atomicAdd(&histogram[(key >> shift) % kDigits], 1);
    }
    __syncwarp();
    int own = 0;
    for (int d = 0; d < kDigitsEach; ++d) own += histogram[lane * kDigitsEach + d];
    int before = own;
    for (unsigned step = 1; step < kWarp; step *= 2) {
      const int other = __shfl_up_sync(kAllLanes, before, step);
      if (lane >= static_cast<int>(step)) before += other;
    }
    before += selected.below - own;
    const bool here = before <= rank && rank < before + own;
    int digit = lane * kDigitsEach;
    while (here && before + histogram[digit] <= rank) before += histogram[digit++];
    const unsigned owner = static_cast<unsigned>(__ffs(__ballot_sync(kAllLanes, here)) - 1);
    selected.below = __shfl_sync(kAllLanes, before, owner);
    selected.key |= static_cast<Key>(__shfl_sync(kAllLanes, digit, owner)) << shift;
    settled |= static_cast<Key>(kDigits - 1) << shift;
    __syncwarp();  // every lane has read the histogram
  }
  return selected;
}

}  // namespace bitlens::cuda
