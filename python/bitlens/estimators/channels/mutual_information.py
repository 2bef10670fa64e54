"""Mutual information of channels: how much the sample distances in one channel tell about those in another."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    ArrayLike,
    Foreign,
    NDArray,
    as_array,
    as_channel_maps,
    as_real_array,
    call_kernel,
    check_bin_count,
    check_memory,
    check_same_device,
    describe,
    in_callers_library,
    is_uint8_array,
    rescale_for_squares,
)
from bitlens.estimators.channels.squares import channel_squares

# Channels are processed in blocks, so that the tables of squared distances of a block take at most this many bytes.
_KEPT_BYTES = 256 * 2**20
"""Distances of this size are kept on a GPU between the search for their range and their codes."""

_BLOCK_BYTES = 64 * 2**20


class ChannelPairInformation(NamedTuple):
    """The entropies and the mutual information of all pairs of channels, in bits."""

    mutual_information: Any
    """I(a; b) = H(a) + H(b) - H(a, b), of shape (channels a, channels b)."""
    entropy_a: Any
    """H(a), of shape (channels a,)."""
    entropy_b: Any
    """H(b), of shape (channels b,)."""
    joint_entropy: Any
    """H(a, b), of shape (channels a, channels b)."""
    conditional_entropy: Any
    """H(a|b) = H(a, b) - H(b): the entropy of a that remains when b is known, of shape (channels a, channels b)."""


@overload
def distance_codes(maps: ArrayLike, bins: int = ..., *, channel_axis: int = ...) -> NDArray: ...
@overload
def distance_codes(maps: Foreign, bins: int = ..., *, channel_axis: int = ...) -> Foreign: ...
@in_callers_library
def distance_codes(maps: Array, bins: int = 32, *, channel_axis: int = 1) -> Any:
    """Compute the bin indices of the distances of all sample pairs, in every channel.

    For each channel, the Euclidean distances between the maps of two samples are put into `bins` equal bins between
    the smallest and the largest distance of that channel; the last bin includes its upper end (CNNSlicer, Shen and Shen
    2021, section 5.3.1).

    Parameters
    ----------
    maps : array of shape (n, channels, ...)
        Feature maps of at least two samples.
    bins : int
        Number of bins, 2 to 256.
    channel_axis : int
        The axis of the channels.

    Returns
    -------
    uint8 array of shape (channels, n (n - 1) / 2)
        Codes 0 to bins - 1 of the sample pairs (0, 1), (0, 2), ..., (1, 2), ... in this order. All codes of a constant
        channel are 0.

    Raises
    ------
    TypeError, ValueError
        If maps is not a finite array of at least two samples, or bins or channel_axis are out of range.
    MemoryError
        If the distances need more memory than there is; nothing has been allocated then.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> bitlens.distance_codes(np.array([[0.0], [1.0], [3.0]]), bins=2)
    array([[0, 1, 1]], dtype=uint8)
    """
    codes, _ = _codes_of_maps(maps, "maps", check_bin_count(bins), channel_axis)
    return codes


@overload
def joint_histogram(a: ArrayLike, b: Array, bins: int = ..., *, codes: bool = ...) -> NDArray: ...
@overload
def joint_histogram(a: Foreign, b: Array, bins: int = ..., *, codes: bool = ...) -> Foreign: ...
@in_callers_library
def joint_histogram(a: Array, b: Array, bins: int = 32, *, codes: bool = False) -> Any:
    """Count how often two channels' distance codes occur together, for every pair of channels.

    Entry [i, j, p, q] is the number of sample pairs whose distance has code p in channel i of a and code q in channel
    j of b: the joint distribution of CNNSlicer (Shen and Shen 2021, section 5.3.1), before it is normalised.

    Parameters
    ----------
    a, b : arrays of shape (n, channels, ...), or uint8 codes of shape (channels, pairs)
        Feature maps of the same samples, or their `distance_codes` with the same number of bins.
    bins : int
        Number of bins, 2 to 256.
    codes : bool
        Whether a and b are codes. Arrays of uint8 are feature maps otherwise.

    Returns
    -------
    int64 array of shape (channels a, channels b, bins, bins)
        Counts of sample pairs; each table sums to n (n - 1) / 2.

    Raises
    ------
    TypeError, ValueError
        If a or b is neither feature maps nor codes, or they are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.array([[0.0], [1.0], [3.0]])
    >>> bitlens.joint_histogram(x, x, bins=2)[0, 0]
    array([[1, 0],
           [0, 2]])
    """
    count = check_bin_count(bins)
    codes_a, codes_b, context = _both_codes(a, b, count, codes)
    counts = context.empty((len(codes_a), len(codes_b), count * count), "int64")
    call_kernel(context, _core.joint_counts, codes_a, codes_b, count, counts)
    return counts.reshape(len(codes_a), len(codes_b), count, count)


@overload
def channel_mutual_information(
    a: ArrayLike, b: Array, bins: int = ..., *, codes: bool = ..., full_output: Literal[False] = ...
) -> NDArray: ...
@overload
def channel_mutual_information(
    a: Foreign, b: Array, bins: int = ..., *, codes: bool = ..., full_output: Literal[False] = ...
) -> Foreign: ...
@overload
def channel_mutual_information(
    a: Array, b: Array, bins: int = ..., *, codes: bool = ..., full_output: Literal[True]
) -> ChannelPairInformation: ...
@in_callers_library
def channel_mutual_information(
    a: Array, b: Array, bins: int = 32, *, codes: bool = False, full_output: bool = False
) -> Any:
    """Compute the mutual information of every pair of channels, in bits.

    I(a; b) = H(a) + H(b) - H(a, b) of the binned distances of all sample pairs i < j in the two channels (CNNSlicer,
    Shen and Shen 2021, section 5.3.1). The estimate is biased upward: compare it with its null distribution, by
    `permutation_test`.

    Parameters
    ----------
    a, b : arrays of shape (n, channels, ...), or uint8 codes of shape (channels, pairs)
        Feature maps of the same samples, or their `distance_codes` with the same number of bins.
    bins : int
        Number of bins, 2 to 256.
    codes : bool
        Whether a and b are codes. Arrays of uint8 are feature maps otherwise.
    full_output : bool
        Whether to return all entropies.

    Returns
    -------
    float64 array of shape (channels a, channels b), or ChannelPairInformation
        Bits, from 0 to log2(bins); joint entropies up to 2 log2(bins). The mutual information of a constant channel
        with any channel is 0.

    Raises
    ------
    TypeError, ValueError
        If a or b is neither feature maps nor codes, or they are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(50, 2, 3, 3))
    >>> information = bitlens.channel_mutual_information(x, x, full_output=True)
    >>> bool(np.allclose(np.diag(information.mutual_information), information.entropy_a))
    True
    """
    count = check_bin_count(bins)
    codes_a, codes_b, context = _both_codes(a, b, count, codes)
    joint = context.empty((len(codes_a), len(codes_b)), "float64")
    entropy_a, entropy_b = (context.empty((len(codes),), "float64") for codes in (codes_a, codes_b))
    call_kernel(context, _core.code_entropies, codes_a, codes_b, count, joint, entropy_a, entropy_b)
    # Because of rounding, a sum of three terms may be slightly below zero.
    mutual = (entropy_a[:, None] + entropy_b - joint).clip(0)
    if not full_output:
        return mutual
    conditional = (joint - entropy_b).clip(0)
    return ChannelPairInformation(mutual, entropy_a, entropy_b, joint, conditional)


def sample_distances(maps: NDArray) -> NDArray:
    """Compute the distances of all sample pairs in every channel, float64 [channels, pairs].

    The unit differs from channel to channel, which does not change the codes.
    """
    n, channels = maps.shape[:2]
    upper = np.triu_indices(n, 1)
    distances = np.empty((channels, len(upper[0])))
    step = max(1, _BLOCK_BYTES // (8 * n * n))
    for first in range(0, channels, step):
        squares = channel_squares(maps[:, first : first + step]).values
        distances[first : first + step] = np.sqrt(squares[:, *upper])
    return distances


def _both_codes(a: Array, b: Array, bins: int, codes: bool) -> tuple[Any, Any, ArrayContext]:
    codes_of = _checked_codes if codes else _codes_of_maps
    codes_a, context = codes_of(a, "a", bins)
    codes_b, context_b = (codes_a, context) if b is a else codes_of(b, "b", bins)
    check_same_device([context, context_b], "b")
    if codes_a.shape[1] != codes_b.shape[1]:
        raise ValueError(
            f"b: expected the samples of a, got {codes_b.shape[1]} sample pairs where a has {codes_a.shape[1]}"
        )
    return codes_a, codes_b, context


def _checked_codes(x: Array, name: str, bins: int) -> tuple[Any, ArrayContext]:
    codes = as_array(x, name)
    context = ArrayContext.of(codes)
    if not is_uint8_array(codes):
        as_real_array(x, name)  # which refuses what is not a dense array by its name
    if not is_uint8_array(codes) or codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(
            f"{name}: expected uint8 distance codes of shape (channels, pairs), got {describe(codes)}; "
            "pass feature maps with codes=False"
        )
    n = (1 + math.isqrt(1 + 8 * codes.shape[1])) // 2
    if n * (n - 1) // 2 != codes.shape[1]:
        raise ValueError(
            f"{name}: expected distance codes of n (n - 1) / 2 sample pairs, got {describe(codes)}; pass feature maps "
            "with codes=False"
        )
    if not context.on_cuda:
        return np.ascontiguousarray(codes), context
    largest = int(codes.max())
    if largest >= bins:  # on the CPU the kernel checks this
        raise ValueError(f"{name}: found code {largest}, expected codes below bins = {bins}")
    return codes.contiguous(), context


def _codes_of_maps(x: Array, name: str, bins: int, channel_axis: int = 1) -> tuple[Any, ArrayContext]:
    maps, context, _ = as_channel_maps(x, name, channel_axis=channel_axis, cuda=True)
    n, channels, _ = maps.shape
    if n < 2:
        raise ValueError(f"{name}: expected at least 2 samples, got {n}")
    pairs = n * (n - 1) // 2
    if not context.on_cuda:  # whose allocator refuses by itself; a CPU holds the distances of one channel at a time
        check_memory(pairs * (channels + 8), f"{name}: distances of {pairs} pairs of {n} samples")
    codes = context.empty((channels, pairs), "uint8")
    distance_ranges = context.empty((channels, 2), "float64")
    # The scale of a channel does not change its codes, so that the unit is not needed.
    rescaled, _ = rescale_for_squares(maps, name, (0, 2))
    kept = min(channels, _KEPT_BYTES // (8 * pairs)) if context.on_cuda else 0
    workspace = context.empty((kept, pairs if kept else 0), "float64")
    call_kernel(context, _core.distance_codes, rescaled, bins, codes, distance_ranges, workspace)
    return codes, context
