"""Two more estimators of a layer's information, by which the literature argues: binning, and pairwise distances."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    as_class_indices,
    call_kernel,
    check_integer,
    rescale_for_squares,
    samples,
)


class LayerInformation(NamedTuple):
    """What a layer carries about the input and about the labels, in bits."""

    input: float
    labels: float
    """NaN without labels."""


class LayerInformationBounds(NamedTuple):
    """The same from below and from above."""

    lower: LayerInformation
    upper: LayerInformation


def binned_information(
    activations: Array, labels: Array | None = None, bins: int = 30, value_range: tuple[float, float] | None = None
) -> LayerInformation:
    """Information of a layer whose values are binned, in bits (Shwartz-Ziv and Tishby 2017).

    Every value falls into one of `bins` equal bins, and T is the vector of a sample's bins. As T is a function of the
    input, I(X; T) = H(T), which is log2 n as soon as all samples differ; I(T; Y) = H(T) - H(T | Y).

    Parameters
    ----------
    activations : array of shape (n, ...)
        A layer's activations.
    labels : integer array of shape (n,), optional
        Classes.
    bins : int
        Number of bins, at least 2.
    value_range : (low, high), optional
        Range of the bins; values beyond count as its ends. Default: that of the activations.

    Returns
    -------
    LayerInformation
        Bits, from 0 to log2(n), and to the entropy of the labels.

    Raises
    ------
    TypeError, ValueError
        If an array or a parameter does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> t = np.array([[0.0], [0.1], [0.9], [1.0]])
    >>> bitlens.binned_information(t, np.array([0, 0, 1, 1]), bins=2)
    LayerInformation(input=1.0, labels=1.0)
    """
    rows, context, ends = samples(activations, "activations", at_least=1)
    count = check_integer(bins, "bins")
    if count < 2:
        raise ValueError(f"bins: expected at least 2, got {count}")
    low, high = ends if value_range is None else _range(value_range)
    values = np.asarray(rows.cpu() if context.on_cuda else rows)
    words = _words(values, np.linspace(low, high, count + 1)[1:-1])
    entropy = _entropy(words)
    if labels is None:
        return LayerInformation(entropy, math.nan)
    classes = as_class_indices(labels, len(words), "labels")
    within = sum(float((classes == c).mean()) * _entropy(words[classes == c]) for c in np.unique(classes))
    return LayerInformation(entropy, max(0.0, entropy - within))


def pairwise_distance_information(
    activations: Array, labels: Array | None = None, noise_variance: float = 0.1
) -> LayerInformationBounds:
    """Bounds of the information of a layer with Gaussian noise, in bits, by the distances of its samples.

    T is an activation with noise of this variance in each value, so its distribution is a mixture of Gaussians. Its
    entropy is bounded from above by the Kullback-Leibler divergences of all pairs of them and from below by their
    Bhattacharyya distances (Kolchinsky and Tracey 2017, eq. 10; as Saxe et al. 2018 use it): with D = |x_i - x_j|^2,

        I(X; T) = -1/n sum_i log2 (1/n sum_j exp(-D / (2 s^2))), and with 8 for 2 from below;

    I(T; Y) is that minus its mean over the classes.

    Parameters
    ----------
    activations : array of shape (n, ...)
        A layer's activations.
    labels : integer array of shape (n,), optional
        Classes.
    noise_variance : float
        s^2, in the unit of the activations squared. The result depends on it; there is no natural one.

    Returns
    -------
    LayerInformationBounds
        Bits, from 0 to log2(n).

    Raises
    ------
    TypeError, ValueError
        If an array or a parameter does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> far_apart = np.array([[0.0], [100.0], [200.0], [300.0]])
    >>> bitlens.pairwise_distance_information(far_apart).upper.input
    2.0
    """
    rows, context, _ = samples(activations, "activations", at_least=1)
    try:
        variance = float(noise_variance)
    except (TypeError, ValueError):
        raise TypeError(f"noise_variance: expected a number, got {noise_variance!r}") from None
    if not 0 < variance < math.inf:
        raise ValueError(f"noise_variance: expected a finite number above 0, got {noise_variance}")
    n = len(rows)
    classes = None if labels is None else as_class_indices(labels, n, "labels")
    squares = _squares(rows, context)
    scaled = np.minimum(squares / variance, 1e4)  # beyond it the exponential is 0 all the same
    lower, upper = (_mixture(np.exp(-scaled / divisor), classes) for divisor in (8, 2))
    return LayerInformationBounds(lower, upper)


def _words(values: NDArray, edges: NDArray) -> NDArray:
    """Numbers of the distinct rows of bins, sample by sample: of a wide layer, a table of all bins would be large."""
    numbers: dict[bytes, int] = {}
    smallest = np.min_scalar_type(len(edges))
    bins = (np.searchsorted(edges, row.astype(np.float64), side="right").astype(smallest) for row in values)
    return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in bins])


def _range(given: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in given)
    except (TypeError, ValueError):
        raise TypeError(f"value_range: expected two numbers (low, high), got {given!r}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"value_range: expected finite low < high, got ({low}, {high})")
    return low, high


def _entropy(words: NDArray) -> float:
    shares = np.unique(words, return_counts=True)[1] / len(words)
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def _squares(rows: Any, context: ArrayContext) -> NDArray:
    """Squared distances [n, n] on the CPU."""
    values, units = rescale_for_squares(rows[:, None], "activations", (0, 1, 2))
    squares = context.empty((1, len(rows), len(rows)), "float64")
    call_kernel(context, _core.squared_distances, values, squares)
    found = np.asarray(squares[0].cpu() if context.on_cuda else squares[0])
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = found * units.item() * units.item()
    return np.where(found > 0, scaled, 0.0)


def _mixture(kernel: NDArray, classes: NDArray | None) -> LayerInformation:
    def information(part: NDArray) -> float:
        return max(0.0, float(-np.log2(part.mean(axis=1)).mean()))

    whole = information(kernel)
    if classes is None:
        return LayerInformation(whole, math.nan)
    within = 0.0
    for c in np.unique(classes):
        chosen = classes == c
        within += float(chosen.mean()) * information(kernel[np.ix_(chosen, chosen)])
    return LayerInformation(whole, max(0.0, whole - within))
