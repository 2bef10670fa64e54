"""Rules for the bandwidth of a Gaussian kernel, on which matrix-based entropies depend most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    array_namespace,
    as_array,
    as_class_indices,
    as_host_array,
    check_integer,
    check_positive,
    is_tensor,
)

# The least and the largest square of a sigma, and the largest exponent: with these, exponents and sums of a million of
# them are finite, and no square is 0.
_SMALLEST_SQUARE, _LARGEST_SQUARE, _LARGEST_EXPONENT = 2.0**-1000, 2.0**1000, 2.0**1000
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

    The similarity is ``<K, L> / (|K| |L|)``. The paper's kernel is exp(-d^2 / s^2), so that s is sqrt(2) sigma; s is
    chosen from 75 equally spaced numbers between 0.1 and 10 times the mean distance. Labels are integers of shape
    (n,); measures over a run use the labels of the run.
    """

    labels: Array | None = None
    smallest: float | None = None
    """The first of the 75 numbers, instead of 0.1 times the mean distance. Public code of the method uses 0.1."""


Bandwidth: TypeAlias = float | Sequence[float] | Median | Silverman | NearestNeighbors | Dimension | Alignment
"""A rule, sigma itself, or one sigma for each channel."""


def exponents_of_squares(
    squares: Any,
    bandwidth: Bandwidth,
    units: Any,
    values: int,
    context: ArrayContext,
    argument: str = "bandwidth",
    *,
    deferred: bool = False,
) -> Any:
    """Divide squared distances [channels, n, n] in place by twice the square of every channel's sigma.

    The distances of samples of `values` values are in `units` [channels]. The kernel of a channel whose samples are all
    equal is 1 for every sigma. Other channels are refused if their exponents are not within float64. If checks are
    `deferred`, exponents of these are NaN instead, so that the host does not wait for a GPU.
    """
    with np.errstate(over="ignore"):
        sigma = sigmas(bandwidth, squares, units, values, context, argument, deferred=deferred)
    squares /= (2 * _checked_squares(sigma, squares, units, argument, deferred=deferred))[:, None, None]
    return squares


def _checked_squares(sigma: Any, squares: Any, units: Any, argument: str, *, deferred: bool) -> Any:
    """The squares of sigmas in `units`, 1 where all samples are equal; an infinite or vanishing sigma is refused.

    If checks are `deferred`, the square of such a sigma is NaN, and so is that of a sigma that is NaN.
    """
    xp = array_namespace(squares)
    largest = xp.amax(squares, axis=(1, 2))
    with np.errstate(over="ignore"):
        square = xp.where(largest > 0, sigma**2, 1.0)
    within = (square >= _SMALLEST_SQUARE) & (square <= _LARGEST_SQUARE) & (square >= largest / _LARGEST_EXPONENT)
    if deferred:
        return xp.where(within & (sigma == sigma), square, xp.nan)
    if not within.all():
        channel = within.tolist().index(False)
        got, distance = (float((x * units)[channel]) for x in (sigma, largest**0.5))
        raise ValueError(
            f"{argument}: expected a sigma within a factor of about 1e150 of the distances, which are up to "
            f"{distance:.3g}, got {got:.3g}; scale the values or use Median()"
        )
    return square


def sigmas(
    bandwidth: Bandwidth,
    squares: Any,
    units: Any,
    values: int,
    context: ArrayContext,
    argument: str = "bandwidth",
    *,
    deferred: bool = False,
) -> Any:
    """Compute sigma of every channel, float64 [channels], in `units`; arbitrary where all samples are equal.

    If checks are `deferred`, sigmas are NaN where labels on a GPU or the first of an Alignment's numbers are invalid.
    """
    channels, n, _ = squares.shape
    result = context.empty((channels,), "float64")
    if isinstance(bandwidth, Silverman):
        result[...] = check_positive(bandwidth.h, f"{argument}: h") * n ** (-1 / (4 + values)) / units
    elif isinstance(bandwidth, Median):
        result[...] = _median(squares)
    elif isinstance(bandwidth, NearestNeighbors):
        m = check_integer(bandwidth.m, f"{argument}: m")
        if not 1 <= m < n:
            raise ValueError(f"{argument}: expected m from 1 to n - 1 = {n - 1} for {n} samples, got {m}")
        # The smallest distance in each row is that of the sample to itself.
        result[...] = (_sorted(squares)[:, :, 1 : m + 1] ** 0.5).mean(2).mean(1)
        result[...] = array_namespace(squares).where(result == 0, _median(squares), result)
    elif isinstance(bandwidth, Dimension):
        result[...] = (values / 2) ** 0.5 / units
    elif isinstance(bandwidth, Alignment):
        if bandwidth.labels is None:
            raise ValueError(
                f"{argument}: expected an Alignment with labels, got none; pass one integer for each sample"
            )
        classes, invalid = classes_for_kernels(bandwidth.labels, n, f"{argument}: labels", context, deferred=deferred)
        smallest = bandwidth.smallest
        if smallest is not None:
            smallest = check_positive(smallest, f"{argument}: smallest") / units
        first, last = _aligned_span(squares, smallest)
        for end in (first, last):
            invalid = invalid + 0 * _checked_squares(end, squares, units, f"{argument}: smallest", deferred=deferred)
        result[...] = _aligned(squares, first, last, classes, context) + invalid
    elif isinstance(bandwidth, Real) or getattr(bandwidth, "ndim", None) == 0:
        result[...] = check_positive(bandwidth, argument) / units
    else:
        result[...] = context.to_device(_one_for_each_channel(bandwidth, channels, argument)) / units
    return result


def classes_for_kernels(labels: Any, n: int, name: str, context: ArrayContext, *, deferred: bool) -> tuple[Any, Any]:
    """Convert the class labels of n samples to int64 where the kernels run.

    The second result is 0. If checks are `deferred` and labels are on the GPU, it is NaN if one of them is negative.
    """
    xp = array_namespace(labels)
    on_gpu = is_tensor(labels) and context.on_cuda and labels.device == context.device
    are_integers = on_gpu and labels.shape == (n,) and not (labels.is_floating_point() or labels.is_complex())
    if not (deferred and are_integers):
        return context.to_device(as_class_indices(labels, n, name)), 0.0
    classes = labels.to(xp.int64)
    return classes, xp.where(classes.amin() < 0, xp.nan, 0.0)


def for_samples(bandwidth: Bandwidth, kept: NDArray) -> Bandwidth:
    """The rule for some of the samples: an alignment has the labels of these."""
    if not isinstance(bandwidth, Alignment) or bandwidth.labels is None:
        return bandwidth
    return replace(bandwidth, labels=as_array(bandwidth.labels, "bandwidth: labels")[kept])


def _one_for_each_channel(bandwidth: Any, channels: int, argument: str) -> Any:
    try:
        array = as_host_array(bandwidth, argument).astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"{argument}: expected a rule, sigma, or one sigma for each channel, got {bandwidth!r}"
        ) from None
    if array.shape != (channels,):
        raise ValueError(f"{argument}: expected one sigma for each of {channels} channels, got shape {array.shape}")
    valid = (array > 0) & np.isfinite(array)
    if not valid.all():
        raise ValueError(f"{argument}: expected finite numbers above 0, got {array[~valid][0]}")
    return array


def _sorted(squares: Any) -> Any:
    return squares.sort(-1).values if is_tensor(squares) else np.sort(squares, axis=-1)


def _median(squares: Any) -> Any:
    """The median of each channel's nonzero distances."""
    low, high = _middle_of_tensor(squares) if is_tensor(squares) else _middle_of_array(squares)
    median = (low**0.5 + high**0.5) / 2
    median[median == 0] = 1  # where all distances are 0
    return median


def _middle_of_array(squares: NDArray) -> tuple[NDArray, NDArray]:
    """The two nonzero squares in the middle of each channel; 0 where there is none.

    Each pair of samples occurs twice, which does not change them.
    """
    flat = squares.reshape(len(squares), -1)
    zeros = (flat == 0).sum(1)
    nonzero = flat.shape[1] - zeros
    last = flat.shape[1] - 1
    # In ascending order the zeros come first, then the two places in the middle of the others.
    middle = (zeros + (nonzero - 1) // 2).clip(0, last), (zeros + nonzero // 2).clip(0, last)
    low, high = (np.empty(len(flat)) for _ in middle)
    for i, (row, *places) in enumerate(zip(flat, *middle, strict=True)):
        low[i], high[i] = np.partition(row, places)[places]
    return low, high


def _middle_of_tensor(squares: Any) -> tuple[Any, Any]:
    """The same for tensors, each pair once.

    PyTorch selects the lower one of the two digit by digit, without a sort. The other one is equal, or the next above.
    """
    xp, n = array_namespace(squares), squares.shape[1]
    first, second = xp.triu_indices(n, n, 1, device=squares.device)
    flat = squares[:, first, second]
    nonzero = (flat != 0).sum(1)
    flat.masked_fill_(flat == 0, xp.nan)
    low = flat.nanmedian(1).values
    is_above = flat > low[:, None]
    above = xp.where(is_above, flat, xp.inf).amin(1)
    high = xp.where(nonzero - is_above.sum(1) > nonzero // 2, low, above)
    return xp.where(nonzero > 0, low, 0.0), xp.where(nonzero > 0, high, 0.0)


def _aligned_span(squares: Any, smallest: Any) -> tuple[Any, Any]:
    """The first and the last sigma of every channel among which an Alignment chooses."""
    mean = (squares**0.5).mean((1, 2))
    mean = array_namespace(squares).where(mean == 0, 1.0, mean)
    first, last = (factor * mean / 2**0.5 for factor in _ALIGNMENT_SPAN)
    return (first if smallest is None else mean * 0 + smallest / 2**0.5), last


def _aligned(squares: Any, first: Any, last: Any, classes: Any, context: ArrayContext) -> Any:
    xp = array_namespace(squares)
    same_class = context.astype(classes[:, None] == classes, "float64")
    best_alignment, best_sigma = first * 0 - 1, first * 1
    for step in np.linspace(0, 1, _ALIGNMENT_STEPS):
        sigma = (1 - step) * first + step * last
        kernel = xp.exp(-squares / (2 * sigma**2)[:, None, None])
        # The norm of the labels' kernel is left out, because it is the same for every sigma.
        alignment = (kernel * same_class).sum((1, 2)) / (kernel**2).sum((1, 2)) ** 0.5
        better = alignment > best_alignment
        best_alignment = xp.where(better, alignment, best_alignment)
        best_sigma = xp.where(better, sigma, best_sigma)
    return best_sigma
