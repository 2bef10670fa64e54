"""Bounds of the information of a layer with Gaussian noise, by kernel density estimates from pairwise distances."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    as_class_indices,
    as_samples,
    call_kernel,
    check_positive,
    in_callers_library,
    rescale_for_squares,
)
from bitlens.estimators.binned import LayerInformation, layer_information

_LARGEST_EXPONENT = 1e4
"""The exponential of minus this number is 0, also after it is divided by 8."""


class LayerInformationBounds(NamedTuple):
    """A lower and an upper bound of the information of a layer, in bits."""

    lower: LayerInformation
    upper: LayerInformation


@in_callers_library
def pairwise_distance_information(
    activations: Array,
    labels: Array | None = None,
    noise_variance: float = 0.1,
    *,
    permutations: int = 20,
    seed: int = 0,
    intervals: bool = False,
) -> LayerInformationBounds:
    """Bound the information of a layer with Gaussian noise, in bits, by the distances of its samples.

    T is an activation plus noise of variance s^2 in each value, so that its distribution is a mixture of Gaussians. The
    Kullback-Leibler divergences of all pairs of Gaussians bound its entropy from above, and their Bhattacharyya
    distances bound it from below (Kolchinsky and Tracey 2017, eq. 10; used as by Saxe et al. 2018). With D_ij =
    ``|x_i - x_j|^2``, the upper bound is::

        I(X; T) = -1/n sum_i log2 (1/n sum_j exp(-D_ij / (2 s^2)));

    the lower bound has 8 instead of 2. I(T; Y) is I(X; T) minus the mean of I(X; T) within the classes.

    Parameters
    ----------
    activations : array of shape (n, ...)
        Activations of a layer.
    labels : integer array of shape (n,), optional
        Classes.
    noise_variance : float
        s^2, in the squared unit of the activations. The bounds depend on it, and theory does not determine its value.
    permutations : int
        Number of shuffles of the labels for the null distribution, at least 2.
    seed : int
        The same seed makes the same shuffles and groups.
    intervals : bool
        Whether to compute standard errors by the jackknife (see `jackknife`).

    Returns
    -------
    LayerInformationBounds
        Bits: `input` from 0 to log2(n), `labels` from 0 to log2(n).

    Raises
    ------
    TypeError, ValueError
        If activations is not a finite array, labels do not match the samples, or noise_variance is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> far_apart = np.array([[0.0], [100.0], [200.0], [300.0]])
    >>> bitlens.pairwise_distance_information(far_apart).upper.input
    2.0
    """
    rows, context, _ = as_samples(activations, "activations", at_least=1)
    variance = check_positive(noise_variance, "noise_variance")
    if variance < np.finfo(np.float64).tiny:
        raise ValueError(
            f"noise_variance: expected at least {np.finfo(np.float64).tiny:.3g}, got {variance:.3g}; scale the values"
        )
    classes = None if labels is None else as_class_indices(labels, len(rows), "labels")
    with np.errstate(over="ignore"):
        exponents = np.minimum(_squared_distances(rows, context) / variance, _LARGEST_EXPONENT)
    settings = {"permutations": permutations, "seed": seed, "intervals": intervals}
    lower, upper = (_bound(np.exp(-exponents / divisor), classes, settings) for divisor in (8, 2))
    return LayerInformationBounds(lower, upper)


def _squared_distances(rows: Any, context: ArrayContext) -> NDArray:
    """Squared distances [n, n] on the CPU; infinite where float64 cannot represent them."""
    values, units = rescale_for_squares(rows[:, None], "activations", (0, 1, 2))
    squares = context.empty((1, len(rows), len(rows)), "float64")
    call_kernel(context, _core.squared_distances, values, squares)
    in_units = np.asarray(squares[0].cpu() if context.on_cuda else squares[0])
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = in_units * units.item() * units.item()
    return np.where(in_units > 0, scaled, 0.0)


def _bound(kernel: NDArray, classes: NDArray | None, settings: dict[str, Any]) -> LayerInformation:
    """The information by one kernel of all pairs of samples, with its null distribution and errors."""

    def about_input(kept: NDArray) -> float:
        return max(0.0, float(-np.log2(kernel[np.ix_(kept, kept)].mean(axis=1)).mean()))

    def about_labels(kept: NDArray, numbers: NDArray) -> float:
        present, positions, sizes = np.unique(numbers, return_inverse=True, return_counts=True)
        members = (positions[:, None] == np.arange(len(present))).astype(np.float64)
        # A sum over each class for every sample; only that over its own class is needed.
        sums = np.take_along_axis(kernel[np.ix_(kept, kept)] @ members, positions[:, None], axis=1)[:, 0]
        within = max(0.0, float(-np.log2(sums / sizes[positions]).mean()))
        return max(0.0, about_input(kept) - within)

    return layer_information(about_input, about_labels, classes, len(kernel), **settings)
