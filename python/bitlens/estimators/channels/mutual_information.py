"""Channel mutual information: what the distances in one channel tell about the distances in another."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    bin_count,
    call_kernel,
    channel_maps,
    describe,
    is_tensor,
    is_uint8_array,
    rescale_for_squares,
)


class ChannelPairInformation(NamedTuple):
    """All entropies of channel pairs, in bits; every table is [channels a, channels b]."""

    mutual_information: Any
    entropy_a: Any
    """Of shape (channels a,)."""
    entropy_b: Any
    """Of shape (channels b,)."""
    joint_entropy: Any
    conditional_entropy: Any
    """H(a|b): what is left of a once b is known."""


def distance_codes(maps: Array, bins: int = 32, *, channel_axis: int = 1) -> Any:
    """Bin codes of the distances of all sample pairs in every channel.

    Euclidean distances between the samples' maps fall into `bins` equal bins between the channel's smallest and largest
    distance, the last one closed (CNNSlicer, Shen and Shen 2021, section 5.3.1).

    Parameters
    ----------
    maps : array of shape (n, channels, ...)
        Feature maps, at least two samples.
    bins : int
        Number of bins, 2 to 256.
    channel_axis : int
        Where the channels are.

    Returns
    -------
    uint8 array of shape (channels, n (n - 1) / 2)
        Codes 0 to bins - 1 of the pairs (0, 1), (0, 2), ..., (1, 2), ...; 0 throughout for a constant channel.

    Raises
    ------
    TypeError, ValueError
        If maps is not a finite array of at least two samples, or bins is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> bitlens.distance_codes(np.array([[0.0], [1.0], [3.0]]), bins=2)
    array([[0, 1, 1]], dtype=uint8)
    """
    codes, context = _codes_of_maps(maps, "maps", bin_count(bins), channel_axis)
    return context.to_caller(codes)


def joint_histogram(a: Array, b: Array, bins: int = 32) -> Any:
    """Joint histograms of the distances in every pair of channels.

    Parameters
    ----------
    a, b : arrays of shape (n, channels, ...), or codes of shape (channels, pairs)
        Feature maps of the same samples, or what `distance_codes` made of them with the same bins.
    bins : int
        Number of bins, 2 to 256.

    Returns
    -------
    int64 array of shape (channels a, channels b, bins, bins)
        Counts of sample pairs; they sum to n (n - 1) / 2 in each table.

    Raises
    ------
    TypeError, ValueError
        If a or b are neither maps nor codes, or not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.array([[0.0], [1.0], [3.0]])
    >>> bitlens.joint_histogram(x, x, bins=2)[0, 0]
    array([[1, 0],
           [0, 2]])
    """
    count = bin_count(bins)
    codes_a, codes_b, context = _both_codes(a, b, count)
    counts = context.empty((len(codes_a), len(codes_b), count * count), "int64")
    call_kernel(context, _core.joint_counts, codes_a, codes_b, count, counts)
    return context.to_caller(counts.reshape(len(codes_a), len(codes_b), count, count))


def channel_mutual_information(a: Array, b: Array, bins: int = 32, *, full_output: bool = False) -> Any:
    """Mutual information of every pair of channels, in bits.

    The mutual information of the binned distances of all sample pairs i < j in the two channels (CNNSlicer, Shen and
    Shen 2021, section 5.3.1). It is biased upward: compare it with its null, by `permutation_test`.

    Parameters
    ----------
    a, b : arrays of shape (n, channels, ...), or codes of shape (channels, pairs)
        Feature maps of the same samples, or what `distance_codes` made of them with the same bins. An array of uint8 is
        taken as codes.
    bins : int
        Number of bins, 2 to 256.
    full_output : bool
        Whether to return all entropies.

    Returns
    -------
    float64 array of shape (channels a, channels b), or ChannelPairInformation
        Bits, from 0 to log2(bins). A constant channel has 0 with everything.

    Raises
    ------
    TypeError, ValueError
        If a or b are neither maps nor codes, or not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(50, 2, 3, 3))
    >>> information = bitlens.channel_mutual_information(x, x, full_output=True)
    >>> bool(np.allclose(np.diag(information.mutual_information), information.entropy_a))
    True
    """
    count = bin_count(bins)
    codes_a, codes_b, context = _both_codes(a, b, count)
    joint = context.empty((len(codes_a), len(codes_b)), "float64")
    entropy_a, entropy_b = (context.empty((len(codes),), "float64") for codes in (codes_a, codes_b))
    call_kernel(context, _core.code_entropies, codes_a, codes_b, count, joint, entropy_a, entropy_b)
    # Rounding may leave a sum of three terms just below zero.
    mutual = (entropy_a[:, None] + entropy_b - joint).clip(0)
    if not full_output:
        return context.to_caller(mutual)
    conditional = (joint - entropy_b).clip(0)
    return ChannelPairInformation(*(context.to_caller(v) for v in (mutual, entropy_a, entropy_b, joint, conditional)))


def _both_codes(a: Array, b: Array, bins: int) -> tuple[Any, Any, ArrayContext]:
    codes_a, context = _codes(a, "a", bins)
    codes_b, family_b = (codes_a, context) if b is a else _codes(b, "b", bins)
    if (context.on_cuda or family_b.on_cuda) and context.device != family_b.device:
        places = [place.device or "the CPU" for place in (family_b, context)]
        raise ValueError(f"b: lies on {places[0]}, a on {places[1]}; move one of them")
    if codes_a.shape[1] != codes_b.shape[1]:
        raise ValueError(
            f"b: expected the samples of a, got {codes_b.shape[1]} sample pairs where a has {codes_a.shape[1]}"
        )
    return codes_a, codes_b, context


def _codes(x: Array, name: str, bins: int) -> tuple[Any, ArrayContext]:
    if is_uint8_array(x):
        if x.ndim != 2 or 0 in x.shape:
            raise ValueError(
                f"{name}: uint8 is taken as distance codes of shape (channels, pairs), got {describe(x)}; "
                "pass feature maps as floats"
            )
        n = (1 + math.isqrt(1 + 8 * x.shape[1])) // 2
        if n * (n - 1) // 2 != x.shape[1]:
            raise ValueError(
                f"{name}: uint8 is taken as distance codes of n (n - 1) / 2 sample pairs, got {describe(x)}; "
                "pass feature maps as floats"
            )
        context = ArrayContext(x.device) if is_tensor(x) else ArrayContext()
        if not context.on_cuda:
            return np.ascontiguousarray(x), context
        codes: Any = x
        if (largest := int(codes.max())) >= bins:  # on the CPU the operation itself looks
            raise ValueError(f"{name}: found code {largest}, expected codes below bins = {bins}")
        return codes.contiguous(), context
    return _codes_of_maps(x, name, bins, channel_axis=1)


def _codes_of_maps(x: Array, name: str, bins: int, channel_axis: int) -> tuple[Any, ArrayContext]:
    maps, context, _ = channel_maps(x, name, channel_axis=channel_axis, cuda=True)
    n, channels, _ = maps.shape
    if n < 2:
        raise ValueError(f"{name}: expected at least 2 samples, got {n}")
    codes = context.empty((channels, n * (n - 1) // 2), "uint8")
    ranges = context.empty((channels, 2), "float64")
    # Codes do not depend on a channel's scale.
    call_kernel(context, _core.distance_codes, rescale_for_squares(maps, name, (0, 2))[0], bins, codes, ranges)
    return codes, context
