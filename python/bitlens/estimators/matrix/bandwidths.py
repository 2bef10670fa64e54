"""Rules for the width of a Gaussian kernel: what matrix-based entropies depend on most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from bitlens.arrays import Array, ArrayContext, array_namespace, as_class_indices, check_integer, is_tensor

_ALIGNMENT_STEPS = 75
_ALIGNMENT_SPAN = (0.1, 10.0)  # of the mean distance


@dataclass(frozen=True)
class Median:
    """The median of the distances that are not 0, in each channel: of a rarely active one most are."""


@dataclass(frozen=True)
class Silverman:
    """h n^(-1/(4 + d)) for n samples of d values: Silverman's rule as Yu et al. (2018, section III) use it, h = 5 or 0.1."""

    h: float = 5.0


@dataclass(frozen=True)
class NearestNeighbors:
    """The mean distance to the m nearest other samples; the median where that is 0."""

    m: int = 10


@dataclass(frozen=True)
class Dimension:
    """sqrt(d / 2) for samples of d values, of unit variance: the default of the library repitl."""


@dataclass(frozen=True)
class Alignment:
    """The sigma whose kernel is most like that of the labels, <K, L> / (|K| |L|) (Wickstrom et al. 2023).

    sqrt(2) sigma is one of 75 numbers from 0.1 to 10 times the mean distance, as the paper's kernel is
    exp(-d^2 / sigma^2). Labels are integers of shape (n,); measures over a run take the run's.
    """

    labels: Array | None = None
    smallest: float | None = None
    """The first of the 75, in place of 0.1 times the mean distance; public code of the method has 0.1 itself."""


Bandwidth: TypeAlias = float | Sequence[float] | Median | Silverman | NearestNeighbors | Dimension | Alignment
"""A rule, sigma itself, or one sigma a channel."""


def sigmas(bandwidth: Bandwidth, squares: Any, units: Any, values: int, context: ArrayContext) -> Any:
    """Sigma of every channel, float64 [channels], of squared distances [channels, n, n] of samples of so many values.

    Squares, and the result, are in `units` [channels]. A channel whose samples are all alike may have any sigma, as its
    kernel is 1 throughout; it gets 1.
    """
    channels, n, _ = squares.shape
    result = context.empty((channels,), "float64")
    if isinstance(bandwidth, Silverman):
        result[...] = _positive(bandwidth.h, "bandwidth: h") * n ** (-1 / (4 + values)) / units
    elif isinstance(bandwidth, Median):
        result[...] = _median(squares)
    elif isinstance(bandwidth, NearestNeighbors):
        m = check_integer(bandwidth.m, "bandwidth: m")
        if not 1 <= m < n:
            raise ValueError(f"bandwidth: expected m from 1 to n - 1 = {n - 1} for {n} samples, got {m}")
        # Of each row the smallest is the sample itself.
        result[...] = (_sorted(squares)[:, :, 1 : m + 1] ** 0.5).mean(2).mean(1)
        median = _median(squares)
        result[result == 0] = median[result == 0]
    elif isinstance(bandwidth, Dimension):
        result[...] = (values / 2) ** 0.5 / units
    elif isinstance(bandwidth, Alignment):
        if bandwidth.labels is None:
            raise ValueError("bandwidth: Alignment needs labels, integers one a sample")
        classes = as_class_indices(bandwidth.labels, n, "bandwidth: labels")
        smallest = None if bandwidth.smallest is None else _positive(bandwidth.smallest, "bandwidth: smallest") / units
        result[...] = _aligned(squares, smallest, classes, context)
    elif isinstance(bandwidth, (int, float, np.integer, np.floating)):
        result[...] = _positive(bandwidth, "bandwidth") / units
    else:
        result[...] = context.to_device(_one_each(bandwidth, channels)) / units
    return result


def _positive(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
    if not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a finite number above 0, got {value}")
    return number


def _one_each(bandwidth: Any, channels: int) -> Any:
    try:
        array = np.asarray(bandwidth.cpu() if is_tensor(bandwidth) else bandwidth, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"bandwidth: expected a rule, sigma, or one sigma a channel, got {bandwidth!r}") from None
    if array.shape != (channels,):
        raise ValueError(f"bandwidth: expected one sigma for each of {channels} channels, got shape {array.shape}")
    if not ((array > 0) & np.isfinite(array)).all():
        raise ValueError("bandwidth: expected finite numbers above 0")
    return array


def _sorted(squares: Any) -> Any:
    return squares.sort(-1).values if is_tensor(squares) else np.sort(squares, axis=-1)


def _median(squares: Any) -> Any:
    """Of the distances that are not 0; each pair is there twice, which leaves the median as it is."""
    flat = squares.reshape(len(squares), -1)
    zeros = (flat == 0).sum(1)
    left = flat.shape[1] - zeros
    last = flat.shape[1] - 1
    ends = (zeros + (left - 1) // 2).clip(0, last), (zeros + left // 2).clip(0, last)
    if is_tensor(flat):
        flat = flat.sort(-1).values
        low, high = (flat.gather(1, end[:, None])[:, 0] for end in ends)
    else:
        low, high = (np.empty(len(flat)) for _ in ends)
        for i, (row, *places) in enumerate(zip(flat, *ends, strict=True)):
            low[i], high[i] = np.partition(row, places)[places]
    median = (low**0.5 + high**0.5) / 2
    median[left == 0] = 1
    return median


def _aligned(squares: Any, smallest: Any, classes: Any, context: ArrayContext) -> Any:
    same = context.to_device((classes[:, None] == classes).astype(np.float64))
    mean = (squares**0.5).mean((1, 2))
    mean[mean == 0] = 1
    first, last = _ALIGNMENT_SPAN[0] * mean if smallest is None else smallest, _ALIGNMENT_SPAN[1] * mean
    best, chosen = mean * 0 - 1, mean * 1
    for step in np.linspace(0, 1, _ALIGNMENT_STEPS):
        sigma = (first + step * (last - first)) / 2**0.5
        kernel = array_namespace(squares).exp(-squares / (2 * sigma**2)[:, None, None])
        alignment = (kernel * same).sum((1, 2)) / (kernel**2).sum((1, 2)) ** 0.5
        better = alignment > best
        best[better], chosen[better] = alignment[better], sigma[better]
    return chosen
