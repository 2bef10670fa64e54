// Counts with bitwise logic: every instruction advances many counters by one bit.
//
// A row consists of the codes of a group of b's channels in one sample pair. Rows become one-hot words, with
// one bit per channel and code. The rows of all sample pairs in which a channel of a has the same code are
// summed bit by bit with carry-save adders: from two rows and the current sum, an adder computes a new sum
// and a carry of twice the weight. A counter consists of the bits at one position of a stack of planes, where
// plane k has weight 2^k.
#pragma once

#include "core/view.hpp"
#include "cpu/simd/isa_dispatch.hpp"

namespace bitlens::cpu {

// Rows and their order stay in the L2 cache, and the start of a row fits into 16 bits.
inline constexpr Index kRowsPerBlock = 4096;

struct alignas(64) Plane {
  std::uint64_t words[8];
};

// How codes become bits of a plane: 16 channels of up to 32 codes, or 8 of up to 64.
struct OneHot {
  Index channels;

  static OneHot of(Index bins) { return {bins <= 32 ? 16 : 8}; }
};

static_assert((kRowsPerBlock - 1) * 16 < 1 << 16);

struct CounterLoops {
  // rows[p * one_hot.channels + c] = codes[c * stride + p]; missing channels have code 0.
  void (*gather_rows)(const std::uint8_t* codes, Index stride, Index channels, Index pairs, OneHot one_hot,
                      std::uint8_t* rows);
  // A counting sort: the rows of the pairs of code i start at order[starts[i]] to order[starts[i + 1] - 1].
  void (*sort)(const std::uint8_t* codes, Index pairs, Index bins, OneHot one_hot, std::uint16_t* order,
               std::int32_t* starts);
  // Adds the rows of every code i to the counters at planes + i * depth.
  void (*add)(const std::uint8_t* rows, OneHot one_hot, const std::uint16_t* order,
              const std::int32_t* starts, Index bins, Plane* planes, Index depth);
  // counts[code * one_hot.channels + c] of the counters of one code of a.
  void (*expand)(const Plane* planes, Index depth, OneHot one_hot, Index bins, std::int32_t* counts);
};
BITLENS_LOOPS(CounterLoops, counter_loops)

inline constexpr Index kLeastDepth = 8;  // the smallest depth that `add` supports, in planes

}  // namespace bitlens::cpu
