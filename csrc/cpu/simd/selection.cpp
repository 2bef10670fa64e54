// The loops that run after every tile of dot products.
#include "cpu/simd/selection.hpp"

#include "core/float_keys.hpp"
#include "cpu/simd/vectors.hpp"

namespace bitlens::cpu::BITLENS_ISA {
namespace {

using Key = FloatKey<float>::type;

constexpr int kBucketBits = 8;

// Keys are counted in equal buckets between the smallest and the largest key. Buckets are kept up to the one
// that contains the key of rank `kept`. Only if that bucket is too large, as with many equal bounds, it is
// divided further.
void cut(CandidateList& list, Index kept, Key* keys) {
  Key low = ~Key{0};
  Key high = 0;
  for (Index i = 0; i < list.count; ++i) {
    keys[i] = key_of(list.bounds[i]);
    low = keys[i] < low ? keys[i] : low;
    high = keys[i] > high ? keys[i] : high;
  }
  const Index most = kept + (list.capacity - kSelectionBlock - kept) / 2;
  Index below = 0;  // keys below low
  Index upto = 0;   // keys up to high
  while (true) {
    const int width = 32 - __builtin_clz((high - low) | 1);
    const int shift = width > kBucketBits ? width - kBucketBits : 0;
    std::int32_t counts[1 << kBucketBits] = {};
    for (Index i = 0; i < list.count; ++i) {
      if (keys[i] - low <= high - low) ++counts[(keys[i] - low) >> shift];
    }
    Key bucket = 0;
    while (below + counts[bucket] < kept) below += counts[bucket++];
    upto = below + counts[bucket];
    low += bucket << shift;
    const Key last = low + ((Key{1} << shift) - 1);
    high = last < high ? last : high;
    if (upto <= most || shift == 0) break;
  }

  const bool tied = upto > most;  // too many bounds have one value
  if (!tied && upto == list.count) return;
  if (tied) --high;
  Index places = tied ? kept - below : 0;
  Index count = 0;
  for (Index i = 0; i < list.count; ++i) {
    bool stays = keys[i] <= high;
    if (tied && keys[i] == low) stays = places-- > 0;
    list.bounds[count] = list.bounds[i];
    list.indices[count] = list.indices[i];
    count += stays;
  }
  list.count = count;
  list.limit = value_of<float>(high + 1);
}

// Computes the bounds of a block of pairs. Returns whether any is below the limit, which becomes rare after
// some tiles.
bool bounds_below(float norm, const float* dots, const float* norms, Index size, float limit, float* bounds) {
  Vector<std::int32_t> below = {};
  Index c = 0;
  for (; c + kWidth<float> <= size; c += kWidth<float>) {
    const Vector<float> bound = norm + load(norms + c) - 2 * load(dots + c);
    store(bounds + c, bound);
    below |= bound < limit;
  }
  std::int32_t any = 0;
  for (Index l = 0; l < kWidth<float>; ++l) any |= below[l];
  for (; c < size; ++c) {
    bounds[c] = norm + norms[c] - 2 * dots[c];
    any |= bounds[c] < limit;
  }
  return any != 0;
}

void append(CandidateList& list, float norm, const float* dots, const float* norms, Index count, Index first,
            Index kept, Key* scratch) {
  for (Index start = 0; start < count; start += kSelectionBlock) {
    float bounds[kSelectionBlock];
    const Index size = count - start < kSelectionBlock ? count - start : kSelectionBlock;
    if (!bounds_below(norm, dots + start, norms + start, size, list.limit, bounds)) continue;
    const float limit = list.limit;
    Index end = list.count;
    for (Index c = 0; c < size; ++c) {
      list.bounds[end] = bounds[c];
      list.indices[end] = static_cast<std::int32_t>(first + start + c);
      end += bounds[c] < limit;
    }
    list.count = end;
    if (list.count > list.capacity - kSelectionBlock) cut(list, kept, scratch);
  }
}

void transpose(const float* tile, Index stride, Index rows, Index columns, float* out) {
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) out[c * rows + r] = tile[r * stride + c];
  }
}

}  // namespace

const SelectionLoops selection_loops = {append, cut, transpose};

}  // namespace bitlens::cpu::BITLENS_ISA
