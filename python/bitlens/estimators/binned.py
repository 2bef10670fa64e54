"""Information of a layer by binning its values: the estimator of the information plane's first studies."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bitlens.arrays import Array, NDArray, as_class_indices, as_samples, check_bin_count, check_value_range
from bitlens.estimators.bins import bin_edges


class LayerInformation(NamedTuple):
    """The information of a layer about the input and about the labels, in bits."""

    input: float
    """I(X; T)."""
    labels: float
    """I(T; Y); NaN without labels."""


def binned_information(
    activations: Array, labels: Array | None = None, bins: int = 30, value_range: tuple[float, float] | None = None
) -> LayerInformation:
    """Compute the information of a layer whose values are binned, in bits (Shwartz-Ziv and Tishby 2017).

    Every value is put into one of `bins` equal bins, and T is the vector of all bin indices of a sample. T is a
    function of the input, so that I(X; T) = H(T). This is log2(n) as soon as the vectors of all samples differ.
    I(T; Y) = H(T) - H(T | Y).

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
    >>> bitlens.binned_information(t, np.array([0, 0, 1, 1]), bins=2)
    LayerInformation(input=1.0, labels=1.0)
    """
    rows, context, ends = as_samples(activations, "activations", at_least=1)
    count = check_bin_count(bins)
    limits = ends if value_range is None else check_value_range(value_range, rows.dtype)
    values = np.asarray(rows.cpu() if context.on_cuda else rows)
    words = _words(values, bin_edges(np.array([limits]), count)[0])
    entropy = _entropy(words)
    if labels is None:
        return LayerInformation(entropy, math.nan)
    classes = as_class_indices(labels, len(words), "labels")
    within = sum(float((classes == c).mean()) * _entropy(words[classes == c]) for c in np.unique(classes))
    return LayerInformation(entropy, max(0.0, entropy - within))


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
