"""Intra-sample entropy: how much the values within each feature map vary."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bitlens import _core
from bitlens.arrays import Array, as_class_indices, bin_count, call_kernel, channel_maps

# Histograms are held for so many bytes of samples at a time.
_CHUNK_BYTES = 64 * 2**20


def intra_sample_entropy(
    maps: Array, bins: int = 32, value_range: tuple[float, float] | None = None, *, channel_axis: int = 1
) -> Any:
    """Intra-sample entropy of every map, in bits: the entropy of the histogram of its values.

    Values fall into `bins` equal bins over `value_range`, the last one closed (CNNSlicer, Shen and Shen 2021, section
    4.4.2; its normalisation to (-1, 1) amounts to the default range).

    Parameters
    ----------
    maps : array of shape (n, channels, ...)
        Feature maps; in shape (n, channels) every map is a single value, with entropy 0.
    bins : int
        Number of bins, 2 to 256.
    value_range : (low, high), optional
        Range of the bins; it must hold all values. Default: the smallest and largest value of the whole array, so give
        it when numbers of different arrays are to be compared.
    channel_axis : int
        Where the channels are.

    Returns
    -------
    float64 array of shape (n, channels)
        Bits, from 0 to log2(bins). A constant map has 0.

    Raises
    ------
    TypeError, ValueError
        If maps is not a finite array of at least two axes, or bins or value_range do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> maps = np.array([[[0.0, 1.0, 2.0, 3.0], [2.0, 2.0, 2.0, 2.0]]])
    >>> bitlens.intra_sample_entropy(maps, bins=4)
    array([[2., 0.]])
    """
    x, context, ends = channel_maps(maps, "maps", channel_axis=channel_axis, cuda=True)
    count = bin_count(bins)
    low, high = _bin_range(ends, str(x.dtype).endswith("float32"), value_range)
    n, channels, _ = x.shape
    entropies = context.empty((n, channels), "float64")
    chunk = max(1, _CHUNK_BYTES // (4 * channels * count))
    for i in range(0, n, chunk):
        part = x[i : i + chunk]
        counts = context.empty((len(part), channels, count), "int32")
        call_kernel(context, _core.value_histograms, part, low, high, counts)
        call_kernel(context, _core.histogram_entropies, counts, entropies[i : i + chunk])
    return context.to_caller(entropies)


def channel_entropy(
    maps: Array,
    labels: Array | None = None,
    bins: int = 32,
    value_range: tuple[float, float] | None = None,
    *,
    channel_axis: int = 1,
) -> Any:
    """Mean intra-sample entropy of every channel, in bits, optionally for each class.

    H(dCNN(x, l, c, t)) of CNNSlicer (Shen and Shen 2021, section 5.4.1): the average over samples of
    `intra_sample_entropy`.

    Parameters
    ----------
    maps : array of shape (n, channels, ...)
        Feature maps.
    labels : integer array of shape (n,), optional
        Classes 0 to m - 1, to average over each class by itself.
    bins, value_range, channel_axis
        As in `intra_sample_entropy`.

    Returns
    -------
    float64 array of shape (channels,), or (m, channels) with labels
        Bits, from 0 to log2(bins). A class without samples is refused, as it has no average.

    Raises
    ------
    TypeError, ValueError
        As `intra_sample_entropy`, or if labels do not fit.

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
    entropies = intra_sample_entropy(maps, bins, value_range, channel_axis=channel_axis)
    if labels is None:
        return entropies.mean(0)
    classes = as_class_indices(labels, len(entropies), "labels")
    present = np.unique(classes)
    if present[-1] >= len(present):
        missing = int(np.flatnonzero(present != np.arange(len(present)))[0])
        raise ValueError(f"labels: no sample of class {missing}; every class needs one")
    one_hot = (classes[:, None] == present).astype(np.float64)
    weights = one_hot / one_hot.sum(axis=0)
    if isinstance(entropies, np.ndarray):
        return weights.T @ entropies
    return entropies.new_tensor(weights.T) @ entropies


def _bin_range(ends: tuple[float, float], float32: bool, given: tuple[float, float] | None) -> tuple[float, float]:
    smallest, largest = ends
    if given is None:
        low, high = smallest, largest
    else:
        try:
            low, high = (float(end) for end in given)
        except (TypeError, ValueError):
            raise TypeError(f"value_range: expected two numbers (low, high), got {given!r}") from None
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"value_range: expected finite low < high, got ({low}, {high})")
        if float32:  # 0.1 is to hold float32's 0.1, which is larger
            low, high = min(low, float(np.float32(low))), max(high, float(np.float32(high)))
        if not low <= smallest <= largest <= high:
            raise ValueError(f"value_range: maps span [{smallest}, {largest}], which ({low}, {high}) does not hold")
    if not math.isfinite(high - low):
        raise ValueError(f"maps: [{low}, {high}] spans more than a float64 can tell; scale the values")
    return low, high
