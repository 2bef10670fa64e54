"""Information of a layer by binning its values: the estimator of the information plane's first studies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    as_array,
    as_class_indices,
    as_samples,
    check_bin_count,
    check_value_range,
    in_callers_library,
)
from bitlens.estimators.bins import bin_edges
from bitlens.estimators.contingency import expected_information
from bitlens.estimators.intervals import jackknife_error
from bitlens.estimators.permutation import permutation_test


class LayerInformation(NamedTuple):
    """The information of a layer about the input and about the labels, in bits, and how far it can be trusted."""

    input: float
    """I(X; T)."""
    labels: float
    """I(T; Y); NaN without labels, as everything about the labels."""
    labels_null_mean: float
    """The mean of I(T; Y) when the labels are shuffled."""
    labels_null_std: float
    """The standard deviation of I(T; Y) when the labels are shuffled (n - 1 in the denominator)."""
    labels_p_value: float
    """P-value of the permutation test, from 1 / (1 + permutations) to 1."""
    input_error: float
    """Standard error of I(X; T); NaN unless intervals are asked for."""
    labels_error: float
    """Standard error of the excess, I(T; Y) minus its null mean; NaN unless intervals are asked for."""
    saturation: float
    """I(X; T) / log2 n, from 0 to 1. At 1 all samples differ, and I(X; T) says nothing about the layer."""


@in_callers_library
def binned_information(
    activations: Array,
    labels: Array | None = None,
    bins: int = 30,
    value_range: tuple[float, float] | None = None,
    *,
    permutations: int = 20,
    seed: int = 0,
    intervals: bool = False,
) -> LayerInformation:
    """Compute the information of a layer whose values are binned, in bits (Shwartz-Ziv and Tishby 2017).

    Every value is put into one of `bins` equal bins, and T is the vector of all bin indices of a sample. T is a
    function of the input, so that I(X; T) = H(T). This is log2(n) as soon as the vectors of all samples differ.
    I(T; Y) = H(T) - H(T | Y), which is the entropy of the labels then, whatever they are: ``labels_null_mean``, the
    exact mean of I(T; Y) over all permutations of the labels, is as large.

    Parameters
    ----------
    activations : array of shape (n, ...)
        Activations of a layer.
    labels : integer array of shape (n,), optional
        Classes.
    bins : int
        Number of bins, 2 to 256.
    value_range : (low, high), optional
        Range of the bins, in the unit of the activations. Values outside of it are put into the first or the last bin.
        The default is the smallest and the largest activation.
    permutations : int
        Number of shuffles of the labels for the null distribution, at least 2.
    seed : int
        The same seed makes the same shuffles and groups.
    intervals : bool
        Whether to compute standard errors by the jackknife (see `jackknife`), with the bins of all samples.

    Returns
    -------
    LayerInformation
        Bits: `input` from 0 to log2(n), `labels` from 0 to the entropy of the labels.

    Raises
    ------
    TypeError, ValueError
        If activations is not a finite array, labels do not match the samples, or bins or value_range are invalid.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> t = np.array([[0.0], [0.1], [0.9], [1.0]])
    >>> information = bitlens.binned_information(t, np.array([0, 0, 1, 1]), bins=2)
    >>> information.input, information.labels, round(information.labels_null_mean, 3)
    (1.0, 1.0, 0.333)
    """
    given = as_array(activations, "activations")
    # In main memory from the start: there, a look at the values does not wait for a GPU.
    rows, _, ends = as_samples(given.cpu() if ArrayContext.of(given).on_cuda else given, "activations", at_least=1)
    count = check_bin_count(bins)
    limits = ends if value_range is None else check_value_range(value_range, rows.dtype)
    words = _words(rows, bin_edges(np.array([limits]), count)[0])
    classes = None if labels is None else as_class_indices(labels, len(words), "labels")
    found = layer_information(
        lambda kept: _entropy(words[kept]),
        lambda kept, numbers: _about_labels(words[kept], numbers),
        classes,
        len(words),
        permutations=permutations,
        seed=seed,
        intervals=intervals,
    )
    if classes is None:
        return found
    exact = expected_information(np.bincount(classes), np.bincount(words))
    return found._replace(labels_null_mean=float(exact))


def layer_information(
    about_input: Callable[[NDArray], float],
    about_labels: Callable[[NDArray, NDArray], float],
    classes: NDArray | None,
    n: int,
    *,
    permutations: int,
    seed: int,
    intervals: bool,
) -> LayerInformation:
    """Information with its null distribution and errors, from functions of the kept samples and of their classes."""
    everyone = np.arange(n)
    information = about_input(everyone)
    error = jackknife_error(about_input, n, seed, like=information) if intervals else math.nan
    saturation = information / math.log2(n) if n > 1 else 0.0
    if classes is None:
        unknown = math.nan, math.nan, math.nan, math.nan
        return LayerInformation(information, *unknown, error, math.nan, saturation)
    test = permutation_test(about_labels, everyone, classes, permutations, seed, intervals=intervals)
    of_labels = test.observed, test.null_mean, test.null_std, test.p_value
    return LayerInformation(information, *of_labels, error, test.standard_error, saturation)


def _about_labels(words: NDArray, classes: NDArray) -> float:
    within = sum(float((classes == c).mean()) * _entropy(words[classes == c]) for c in np.unique(classes))
    return max(0.0, _entropy(words) - within)


def _words(values: NDArray, edges: NDArray) -> NDArray:
    """Number the distinct vectors of bin indices, and return the number of each sample's vector.

    One sample is binned at a time, because a table of all bin indices of a large layer would take much memory.
    """
    numbers: dict[bytes, int] = {}
    smallest = np.min_scalar_type(len(edges))
    bins = (np.searchsorted(edges, row.astype(np.float64), side="right").astype(smallest) for row in values)
    return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in bins])


def _entropy(words: NDArray) -> float:
    shares = np.unique(words, return_counts=True)[1] / len(words)
    return max(0.0, float(-(shares * np.log2(shares)).sum()))
