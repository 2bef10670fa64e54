// The loops of the carry-save adders.
#include "cpu/simd/carry_save_counters.hpp"

#include "cpu/simd/vectors.hpp"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace bitlens::cpu::BITLENS_ISA {
namespace {

using Word = std::uint64_t;
using Bits = Vector<Word>;

constexpr Index kPlaneWords = sizeof(Plane) / sizeof(Word);
constexpr Index kPartWords = kWidth<Word>;
constexpr Index kMaxBins = 64;

void gather_rows(const std::uint8_t* codes, Index stride, Index channels, Index pairs, OneHot one_hot,
                 std::uint8_t* rows) {
  constexpr Index kStrip = 256;  // rows that stay in the L1 cache while all channels are entered
  for (Index start = 0; start < pairs; start += kStrip) {
    const Index end = start + kStrip < pairs ? start + kStrip : pairs;
    for (Index c = 0; c < one_hot.channels; ++c) {
      for (Index p = start; p < end; ++p) {
        rows[p * one_hot.channels + c] = c < channels ? codes[c * stride + p] : std::uint8_t{0};
      }
    }
  }
}

// In four streams, so that consecutive equal codes do not wait for each other.
void sort(const std::uint8_t* codes, Index pairs, Index bins, OneHot one_hot, std::uint16_t* order,
          std::int32_t* starts) {
  constexpr Index kStreams = 4;
  const Index quarter = pairs / kStreams;
  std::int32_t next[kStreams][kMaxBins] = {};
  for (Index p = 0; p < quarter; ++p) {
    for (Index s = 0; s < kStreams; ++s) ++next[s][codes[s * quarter + p]];
  }
  for (Index p = kStreams * quarter; p < pairs; ++p) ++next[kStreams - 1][codes[p]];

  std::int32_t end = 0;
  for (Index code = 0; code < bins; ++code) {
    starts[code] = end;
    for (Index s = 0; s < kStreams; ++s) {
      const std::int32_t count = next[s][code];
      next[s][code] = end;
      end += count;
    }
  }
  starts[bins] = end;

  for (Index p = 0; p < quarter; ++p) {
    for (Index s = 0; s < kStreams; ++s) {
      const Index pair = s * quarter + p;
      order[next[s][codes[pair]]++] = static_cast<std::uint16_t>(pair * one_hot.channels);
    }
  }
  for (Index p = kStreams * quarter; p < pairs; ++p) {
    order[next[kStreams - 1][codes[p]]++] = static_cast<std::uint16_t>(p * one_hot.channels);
  }
}

struct Sum {
  Bits ones;
  Bits carry;
};

BITLENS_ALWAYS_INLINE Sum add3(Bits a, Bits b, Bits c) {
#ifdef __AVX512F__  // one instruction each, which compilers do not generate
  const __m512i x = reinterpret_cast<__m512i>(a), y = reinterpret_cast<__m512i>(b),
                z = reinterpret_cast<__m512i>(c);
  return {reinterpret_cast<Bits>(_mm512_ternarylogic_epi64(x, y, z, 0x96)),
          reinterpret_cast<Bits>(_mm512_ternarylogic_epi64(x, y, z, 0xe8))};
#else
  return {a ^ b ^ c, (a & b) | (c & (a ^ b))};
#endif
}

// Adds two bits of equal weight to a plane of that weight; the carry has twice the weight.
BITLENS_ALWAYS_INLINE Bits add_to(Bits& plane, Bits a, Bits b) {
  const Sum sum = add3(plane, a, b);
  plane = sum.ones;
  return sum.carry;
}

BITLENS_ALWAYS_INLINE bool any(Bits bits) {
  Word all = 0;
  for (Index w = 0; w < kPartWords; ++w) all |= bits[w];
  return all != 0;
}

// One register's part of a row as one-hot words.
template <class Hot>
BITLENS_ALWAYS_INLINE Bits one_hot_bits(const std::uint8_t* codes) {
  Vector<Hot> shifts;
  for (Index l = 0; l < kWidth<Hot>; ++l) shifts[l] = codes[l];
  return reinterpret_cast<Bits>((Vector<Hot>{} + Hot{1}) << shifts);
}

constexpr Index kRowsPerRound = 16;

// Planes of weight 1, 2, 4 and 8.
struct LowPlanes {
  Bits ones, twos, fours, eights;

  // Adds sixteen rows, row(0) to row(15); the carry has weight 16.
  template <class RowAt>
  [[gnu::always_inline]] Bits add_round(RowAt&& row) {
    const auto pair = [&](Index r) { return add_to(ones, row(r), row(r + 1)); };
    const auto quad = [&](Index r) {
      const Bits first = pair(r);
      return add_to(twos, first, pair(r + 2));
    };
    const auto eight = [&](Index r) {
      const Bits first = quad(r);
      return add_to(fours, first, quad(r + 4));
    };
    const Bits first = eight(0);
    return add_to(eights, first, eight(8));
  }
};

constexpr Index kLowPlanes = 4;
constexpr Index kRunPlanes = 4;  // of weight 16 and more, in registers until they overflow
constexpr Index kRowsPerRun = ((1 << kRunPlanes) - 1) * kRowsPerRound;
static_assert(kLowPlanes + kRunPlanes == kLeastDepth);

// Adds one register's part of `count` rows to one code's counters.
template <class Hot>
BITLENS_ALWAYS_INLINE void add_rows(const std::uint8_t* rows, const std::uint16_t* order, Index count,
                                    Word* planes, Index depth) {
  const auto row = [&](Index r) { return one_hot_bits<Hot>(rows + order[r]); };
  LowPlanes low = {load(planes), load(planes + kPlaneWords), load(planes + 2 * kPlaneWords),
                   load(planes + 3 * kPlaneWords)};
  for (Index start = 0; start < count; start += kRowsPerRun) {
    const Index end = start + kRowsPerRun < count ? start + kRowsPerRun : count;
    Bits run[kRunPlanes] = {};
    for (Index first = start; first < end; first += kRowsPerRound) {
      const Index left = end - first;
      Bits carry = left >= kRowsPerRound
                       ? low.add_round([&](Index r) { return row(first + r); })
                       : low.add_round([&](Index r) { return r < left ? row(first + r) : Bits{}; });
      for (Index k = 0; k < kRunPlanes; ++k) {
        const Bits both = run[k] & carry;
        run[k] ^= carry;
        carry = both;
      }
    }
    Bits carry = {};
    for (Index k = 0; k < kRunPlanes; ++k) {
      Word* plane = planes + (kLowPlanes + k) * kPlaneWords;
      Bits sum = load(plane);
      carry = add_to(sum, run[k], carry);
      store(plane, sum);
    }
    for (Index k = kLeastDepth; k < depth && any(carry); ++k) {
      Word* plane = planes + k * kPlaneWords;
      const Bits sum = load(plane);
      store(plane, sum ^ carry);
      carry &= sum;
    }
  }
  store(planes, low.ones);
  store(planes + kPlaneWords, low.twos);
  store(planes + 2 * kPlaneWords, low.fours);
  store(planes + 3 * kPlaneWords, low.eights);
}

template <class Hot>
void add_codes(const std::uint8_t* rows, const std::uint16_t* order, const std::int32_t* starts, Index bins,
               Plane* planes, Index depth) {
  constexpr Index kChannels = sizeof(Plane) / sizeof(Hot);
  constexpr Index kPartChannels = kWidth<Hot>;
  for (Index code = 0; code < bins; ++code) {
    const Index count = starts[code + 1] - starts[code];
    if (count == 0) continue;
    for (Index part = 0; part < kChannels / kPartChannels; ++part) {
      add_rows<Hot>(rows + part * kPartChannels, order + starts[code], count,
                    planes[code * depth].words + part * kPartWords, depth);
    }
  }
}

void add(const std::uint8_t* rows, OneHot one_hot, const std::uint16_t* order, const std::int32_t* starts,
         Index bins, Plane* planes, Index depth) {
  if (one_hot.channels == 16) {
    add_codes<std::uint32_t>(rows, order, starts, bins, planes, depth);
  } else {
    add_codes<std::uint64_t>(rows, order, starts, bins, planes, depth);
  }
}

// Plane k consists of bit k of every counter. Transposing the bits of each word, for all channels at the same
// time, turns word `code` into the counter itself (Warren, Hacker's Delight, section 7.3: halves are
// exchanged, then quarters, ...).
template <class Hot>
void expand_words(const Plane* planes, Index depth, Index bins, std::int32_t* counts) {
  constexpr Index kCodes = 8 * sizeof(Hot);
  constexpr Index kChannels = sizeof(Plane) / sizeof(Hot);
  constexpr Index kPartChannels = kWidth<Hot>;
  for (Index part = 0; part < kChannels / kPartChannels; ++part) {
    Vector<Hot> words[kCodes] = {};
    for (Index k = 0; k < depth; ++k) {
      words[k] = reinterpret_cast<Vector<Hot>>(load(planes[k].words + part * kPartWords));
    }
    Hot mask = ~Hot{0} >> (kCodes / 2);
    for (Index half = kCodes / 2; half > 0; half /= 2, mask ^= mask << half) {
      for (Index k = 0; k < kCodes; k = (k + half + 1) & ~half) {
        const Vector<Hot> swapped = ((words[k] >> half) ^ words[k + half]) & mask;
        words[k] ^= swapped << half;
        words[k + half] ^= swapped;
      }
    }
    for (Index code = 0; code < bins; ++code) {
      for (Index c = 0; c < kPartChannels; ++c) {
        counts[code * kChannels + part * kPartChannels + c] = static_cast<std::int32_t>(words[code][c]);
      }
    }
  }
}

void expand(const Plane* planes, Index depth, OneHot one_hot, Index bins, std::int32_t* counts) {
  if (one_hot.channels == 16) {
    expand_words<std::uint32_t>(planes, depth, bins, counts);
  } else {
    expand_words<std::uint64_t>(planes, depth, bins, counts);
  }
}

}  // namespace

const CounterLoops counter_loops = {gather_rows, sort, add, expand};

}  // namespace bitlens::cpu::BITLENS_ISA
