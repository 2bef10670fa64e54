"""Intra-sample entropy: how much the values within each feature map vary."""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    ArrayLike,
    Foreign,
    NDArray,
    as_channel_maps,
    as_class_indices,
    call_kernel,
    check_bin_count,
    check_value_range,
    in_callers_library,
)

# Samples are processed in blocks, so that the histograms of a block take at most this many bytes.
_BLOCK_BYTES = 64 * 2**20


@overload
def intra_sample_entropy(
    maps: ArrayLike, bins: int = ..., value_range: tuple[float, float] | None = ..., *, channel_axis: int = ...
) -> NDArray: ...
@overload
def intra_sample_entropy(
    maps: Foreign, bins: int = ..., value_range: tuple[float, float] | None = ..., *, channel_axis: int = ...
) -> Foreign: ...
@in_callers_library
def intra_sample_entropy(
    maps: Array, bins: int = 32, value_range: tuple[float, float] | None = None, *, channel_axis: int = 1
) -> Any:
    """Compute the intra-sample entropy of every feature map, in bits: the entropy of the histogram of its values.

    H = -sum_b p_b log2 p_b, where p_b is the share of the map's values in bin b. The `bins` bins divide `value_range`
    equally, and the last bin includes its upper end (CNNSlicer, Shen and Shen 2021, section 4.4.2; the paper's
    normalisation to (-1, 1) is equivalent to the default range).

    Parameters
    ----------
    maps : array of shape (n, channels, ...)
        Feature maps. In shape (n, channels) every map is a single value and has entropy 0.
    bins : int
        Number of bins, 2 to 256.
    value_range : (low, high), optional
        Range of the bins, which must include all values. The default is the smallest and the largest value of the whole
        array; pass a range to compare the entropies of different arrays.
    channel_axis : int
        The axis of the channels.

    Returns
    -------
    float64 array of shape (n, channels)
        Bits, from 0 to log2(bins). A constant map has entropy 0.

    Raises
    ------
    TypeError, ValueError
        If maps is not a finite array of at least two axes, or bins, value_range or channel_axis are out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> maps = np.array([[[0.0, 1.0, 2.0, 3.0], [2.0, 2.0, 2.0, 2.0]]])
    >>> bitlens.intra_sample_entropy(maps, bins=4)
    array([[2., 0.]])
    """
    return _entropies(maps, bins, value_range, channel_axis)


@overload
def channel_entropy(
    maps: ArrayLike,
    labels: Array | None = ...,
    bins: int = ...,
    value_range: tuple[float, float] | None = ...,
    *,
    channel_axis: int = ...,
) -> NDArray: ...
@overload
def channel_entropy(
    maps: Foreign,
    labels: Array | None = ...,
    bins: int = ...,
    value_range: tuple[float, float] | None = ...,
    *,
    channel_axis: int = ...,
) -> Foreign: ...
@in_callers_library
def channel_entropy(
    maps: Array,
    labels: Array | None = None,
    bins: int = 32,
    value_range: tuple[float, float] | None = None,
    *,
    channel_axis: int = 1,
) -> Any:
    """Compute the mean intra-sample entropy of every channel, in bits, optionally for each class.

    H(dCNN(x, l, c, t)) of CNNSlicer (Shen and Shen 2021, section 5.4.1): the mean over samples of
    `intra_sample_entropy`.

    Parameters
    ----------
    maps : array of shape (n, channels, ...)
        Feature maps.
    labels : integer array of shape (n,), optional
        Classes 0 to m - 1. With labels, the mean is taken over the samples of each class separately.
    bins, value_range, channel_axis
        As in `intra_sample_entropy`.

    Returns
    -------
    float64 array of shape (channels,), or (m, channels) with labels
        Bits, from 0 to log2(bins).

    Raises
    ------
    TypeError, ValueError
        As in `intra_sample_entropy`, or if labels do not match the samples or a class from 0 to m - 1 has no sample.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> maps = np.array([[[0.0, 1.0]], [[1.0, 1.0]]])
    >>> bitlens.channel_entropy(maps, bins=2)
    array([0.5])
    >>> bitlens.channel_entropy(maps, labels=np.array([0, 1]), bins=2)
    array([[1.],
           [0.]])
    """
    entropies = _entropies(maps, bins, value_range, channel_axis)
    if labels is None:
        return entropies.mean(0)
    classes = as_class_indices(labels, len(entropies), "labels")
    present = np.unique(classes)
    if present[-1] >= len(present):
        missing = int(np.flatnonzero(present != np.arange(len(present)))[0])
        raise ValueError(f"labels: expected a sample of every class up to {present[-1]}, got none of class {missing}")
    one_hot = (classes[:, None] == present).astype(np.float64)
    weights = one_hot / one_hot.sum(axis=0)
    return ArrayContext.of(entropies).to_device(np.ascontiguousarray(weights.T)) @ entropies


def _entropies(maps: Array, bins: int, value_range: tuple[float, float] | None, channel_axis: int) -> Any:
    """The entropies of `intra_sample_entropy` as a kernel's array."""
    x, context, ends = as_channel_maps(maps, "maps", channel_axis=channel_axis, cuda=True)
    count = check_bin_count(bins)
    low, high = _bin_range(ends, x.dtype, value_range)
    n, channels, _ = x.shape
    entropies = context.empty((n, channels), "float64")
    block_length = max(1, _BLOCK_BYTES // (4 * channels * count))
    for i in range(0, n, block_length):
        block = x[i : i + block_length]
        counts = context.empty((len(block), channels, count), "int32")
        call_kernel(context, _core.value_histograms, block, low, high, counts)
        call_kernel(context, _core.histogram_entropies, counts, entropies[i : i + block_length])
    return entropies


def _bin_range(
    ends: tuple[float, float], dtype: object, value_range: tuple[float, float] | None
) -> tuple[float, float]:
    smallest, largest = ends
    if value_range is None:
        low, high = smallest, largest
    else:
        low, high = check_value_range(value_range, dtype)
        if not low <= smallest <= largest <= high:
            raise ValueError(
                f"value_range: expected a range that includes all values of maps, [{smallest}, {largest}], got "
                f"({low}, {high})"
            )
    if not math.isfinite(high - low):
        raise ValueError(
            f"maps: expected values whose differences are within the range of float64, got [{low}, {high}]; scale the "
            "values"
        )
    return low, high
