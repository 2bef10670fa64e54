"""Rules for the bandwidth of a Gaussian kernel, on which matrix-based entropies depend most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    array_namespace,
    as_class_indices,
    check_integer,
    check_positive,
    is_tensor,
)

_ALIGNMENT_STEPS = 75
_ALIGNMENT_SPAN = (0.1, 10.0)  # times the mean distance


@dataclass(frozen=True)
class Median:
    """Sigma is the median of the nonzero distances of a channel's samples.

    Most distances of a rarely active channel are 0, which is why they are left out. The median of an even number of
    distances is the mean of the two in the middle.
    """


@dataclass(frozen=True)
class Silverman:
    """Sigma is h n^(-1/(4 + d)) for n samples of d values.

    Silverman's rule as Yu et al. (2018, section III) use it, with h = 5 for activations and h = 0.1 for errors.
    """

    h: float = 5.0


@dataclass(frozen=True)
class NearestNeighbors:
    """Sigma is the mean distance to the m nearest other samples, or the `Median` where that mean is 0."""

    m: int = 10


@dataclass(frozen=True)
class Dimension:
    """Sigma is sqrt(d / 2) for samples of d values with unit variance: the default of the library repitl."""


@dataclass(frozen=True)
class Alignment:
    """Sigma is the one whose kernel K is most similar to the labels' kernel L (Wickstrom et al. 2023).

    The similarity is <K, L> / (|K| |L|). The paper's kernel is exp(-d^2 / s^2), so that s is sqrt(2) sigma; s is chosen
    from 75 equally spaced numbers between 0.1 and 10 times the mean distance. Labels are integers of shape (n,);
    measures over a run use the labels of the run.
    """

    labels: Array | None = None
    smallest: float | None = None
    """The first of the 75 numbers, instead of 0.1 times the mean distance. Public code of the method uses 0.1."""


Bandwidth: TypeAlias = float | Sequence[float] | Median | Silverman | NearestNeighbors | Dimension | Alignment
"""A rule, sigma itself, or one sigma for each channel."""


def sigmas(bandwidth: Bandwidth, squares: Any, units: Any, values: int, context: ArrayContext) -> Any:
    """Compute sigma of every channel, float64 [channels].

    `squares` are squared distances [channels, n, n] of samples of `values` values. They and the result are in `units`
    [channels]. The kernel of a channel whose samples are all equal is 1 for every sigma; the sigma of such a channel is
    arbitrary, but above 0.
    """
    channels, n, _ = squares.shape
    result = context.empty((channels,), "float64")
    if isinstance(bandwidth, Silverman):
        result[...] = check_positive(bandwidth.h, "bandwidth: h") * n ** (-1 / (4 + values)) / units
    elif isinstance(bandwidth, Median):
        result[...] = _median(squares)
    elif isinstance(bandwidth, NearestNeighbors):
        m = check_integer(bandwidth.m, "bandwidth: m")
        if not 1 <= m < n:
            raise ValueError(f"bandwidth: expected m from 1 to n - 1 = {n - 1} for {n} samples, got {m}")
        # The smallest distance in each row is that of the sample to itself.
        result[...] = (_sorted(squares)[:, :, 1 : m + 1] ** 0.5).mean(2).mean(1)
        median = _median(squares)
        result[result == 0] = median[result == 0]
    elif isinstance(bandwidth, Dimension):
        result[...] = (values / 2) ** 0.5 / units
    elif isinstance(bandwidth, Alignment):
        if bandwidth.labels is None:
            raise ValueError("bandwidth: expected an Alignment with labels, got none; pass one integer for each sample")
        classes = as_class_indices(bandwidth.labels, n, "bandwidth: labels")
        smallest = bandwidth.smallest
        if smallest is not None:
            smallest = check_positive(smallest, "bandwidth: smallest") / units
        result[...] = _aligned(squares, smallest, classes, context)
    elif isinstance(bandwidth, (int, float, np.integer, np.floating)):
        result[...] = check_positive(bandwidth, "bandwidth") / units
    else:
        result[...] = context.to_device(_one_for_each_channel(bandwidth, channels)) / units
    return result


def for_samples(bandwidth: Bandwidth, kept: NDArray) -> Bandwidth:
    """The rule for some of the samples: an alignment has the labels of these."""
    if not isinstance(bandwidth, Alignment) or bandwidth.labels is None:
        return bandwidth
    return replace(bandwidth, labels=bandwidth.labels[kept])


def _one_for_each_channel(bandwidth: Any, channels: int) -> Any:
    try:
        array = np.asarray(bandwidth.cpu() if is_tensor(bandwidth) else bandwidth, np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"bandwidth: expected a rule, sigma, or one sigma for each channel, got {bandwidth!r}"
        ) from None
    if array.shape != (channels,):
        raise ValueError(f"bandwidth: expected one sigma for each of {channels} channels, got shape {array.shape}")
    valid = (array > 0) & np.isfinite(array)
    if not valid.all():
        raise ValueError(f"bandwidth: expected finite numbers above 0, got {array[~valid][0]}")
    return array


def _sorted(squares: Any) -> Any:
    return squares.sort(-1).values if is_tensor(squares) else np.sort(squares, axis=-1)


def _median(squares: Any) -> Any:
    """The median of each channel's nonzero distances.

    Each pair of samples occurs twice in `squares`, which does not change the median.
    """
    flat = squares.reshape(len(squares), -1)
    zeros = (flat == 0).sum(1)
    nonzero = flat.shape[1] - zeros
    last = flat.shape[1] - 1
    # In ascending order the zeros come first, then the two places in the middle of the others.
    middle = (zeros + (nonzero - 1) // 2).clip(0, last), (zeros + nonzero // 2).clip(0, last)
    if is_tensor(flat):
        flat = flat.sort(-1).values
        low, high = (flat.gather(1, place[:, None])[:, 0] for place in middle)
    else:
        low, high = (np.empty(len(flat)) for _ in middle)
        for i, (row, *places) in enumerate(zip(flat, *middle, strict=True)):
            low[i], high[i] = np.partition(row, places)[places]
    median = (low**0.5 + high**0.5) / 2
    median[nonzero == 0] = 1
    return median


def _aligned(squares: Any, smallest: Any, classes: Any, context: ArrayContext) -> Any:
    same_class = context.to_device((classes[:, None] == classes).astype(np.float64))
    mean = (squares**0.5).mean((1, 2))
    mean[mean == 0] = 1
    first, last = _ALIGNMENT_SPAN[0] * mean if smallest is None else smallest, _ALIGNMENT_SPAN[1] * mean
    best_alignment, best_sigma = mean * 0 - 1, mean * 1
    for step in np.linspace(0, 1, _ALIGNMENT_STEPS):
        sigma = (first + step * (last - first)) / 2**0.5
        kernel = array_namespace(squares).exp(-squares / (2 * sigma**2)[:, None, None])
        # The norm of the labels' kernel is left out, because it is the same for every sigma.
        alignment = (kernel * same_class).sum((1, 2)) / (kernel**2).sum((1, 2)) ** 0.5
        better = alignment > best_alignment
        best_alignment[better], best_sigma[better] = alignment[better], sigma[better]
    return best_sigma
