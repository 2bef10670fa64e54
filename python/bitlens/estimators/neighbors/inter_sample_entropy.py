"""Neighbour probabilities and inter-sample entropy: how diverse a set of samples is."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayLike,
    Foreign,
    NDArray,
    as_numpy,
    as_samples,
    call_kernel,
    check_neighbor_count,
    check_seed,
    in_callers_library,
)
from bitlens.estimators.neighbors.diversity import (
    InterSampleDiversity,
    diversity_neighbors,
    diversity_of_neighbors,
    entropy_of_neighbors,
    entropy_with_warnings,
    neighbor_scales,
)
from bitlens.estimators.neighbors.nearest import TRUSTED_SHARE, in_unit, search


@overload
def neighbor_probabilities(x: ArrayLike, k: int = ...) -> tuple[NDArray, NDArray, NDArray]: ...
@overload
def neighbor_probabilities(x: Foreign, k: int = ...) -> tuple[Foreign, Foreign, Foreign]: ...
@in_callers_library
def neighbor_probabilities(x: Array, k: int = 15) -> Any:
    """Compute the probabilities of every sample's neighbours under an exponential kernel of adaptive scale.

    P(j|i) = exp(-d_ij / s_i) for the k nearest neighbours j of sample i, where the scale s_i solves
    sum_j exp(-d_ij / s_i) = log2(k) (CNNSlicer, Shen and Shen 2021, eq. 4 and 5). If log2(k) or more neighbours
    coincide with the sample, no scale solves the equation. The limit s_i -> 0 is used then: P(j|i) is 1 for the
    neighbours that coincide with the sample and 0 for the others.

    Parameters
    ----------
    x : array of shape (n, ...)
        Samples along the first axis; the other axes are flattened.
    k : int
        Number of neighbours, 2 to n - 1.

    Returns
    -------
    indices : int64 array of shape (n, k)
        The neighbours, ordered by (distance, index).
    probabilities : float64 array of shape (n, k)
        P(j|i), from 0 to 1. Each row sums to log2(k), or to the number of neighbours that coincide with the sample if
        that is larger.
    scales : float64 array of shape (n,)
        The scales, in the unit of the distances; 0 where the limit was used.

    Raises
    ------
    TypeError, ValueError
        As in `nearest_neighbors`; at least three samples are needed.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(100, 5))
    >>> indices, probabilities, scales = bitlens.neighbor_probabilities(x, k=8)
    >>> bool(np.allclose(probabilities.sum(axis=1), 3.0))
    True
    """
    points, context, ends = as_samples(x, "x", at_least=3)
    found = search(points, context, ends, check_neighbor_count(k, len(points), at_least=2))
    distances = found.distances
    scales = neighbor_scales(distances, context)
    probabilities = context.empty(distances.shape, "float64")
    call_kernel(context, _core.neighbor_weights, distances, scales, probabilities)
    return context.astype(found.indices, "int64"), probabilities, in_unit(scales, found.unit)


@overload
def inter_sample_entropy(
    x: Array, k: int = 15, *, full_output: Literal[False] = False, seed: int = 0, intervals: bool = True
) -> float: ...
@overload
def inter_sample_entropy(
    x: Array, k: int = 15, *, full_output: Literal[True], seed: int = 0, intervals: bool = True
) -> InterSampleDiversity: ...
@in_callers_library
def inter_sample_entropy(
    x: Array, k: int = 15, *, full_output: bool = False, seed: int = 0, intervals: bool = True
) -> float | InterSampleDiversity:
    """Compute the inter-sample entropy in bits: how diverse the samples are in their space.

    The probabilities P(j|i) of the k nearest neighbours (see `neighbor_probabilities`) are made symmetric, P_ij =
    P(j|i) + P(i|j) over all pairs of which at least one sample is a neighbour of the other, and normalised to sum 1.
    The entropy is H = -sum P_ij log2 P_ij over ordered pairs (CNNSlicer, Shen and Shen 2021, eq. 4 to 7). It depends on
    n and k: compare only values of equal n and k.

    The entropy says little by itself. The scales adapt to the neighbours, so that a set of clusters larger than k has
    nearly the entropy of noise, and coinciding samples raise it: a dead layer reaches the bound log2 min(2 n k, n (n -
    1)). A `NeighborWarning` says where samples coincide, and where ties at rank k let the order of the samples decide.
    With full_output the ``diversity`` tells layers apart: it is the entropy with k = min(n - 1, 1500), where coinciding
    samples are one point, divided by its bound; 0 for a dead layer and 1 for white noise. ``null_mean`` is the entropy
    of shuffled features: an entropy below it tells that features depend on each other. It may also be above it, where
    shuffling makes samples coincide nearly, as it does for one-hot outputs.

    The neighbours are exact. The distances of float64 samples are exact as well. Those of float32 samples come from
    float32 matrix products wherever these are accurate to a relative 1e-5, which changes the entropy by far less than
    1e-5 bits.

    Parameters
    ----------
    x : array of shape (n, ...)
        Samples along the first axis; the other axes are flattened.
    k : int
        Number of neighbours, 2 to n - 1.
    full_output : bool
        Whether to return bound, diversity, null, standard error, ties and coinciding samples as well. It takes a search
        of all neighbours and three more of k neighbours.
    seed : int
        The same seed shuffles features and groups samples in the same way.
    intervals : bool
        Whether full_output has the standard error of the entropy, by the jackknife (see `jackknife`).

    Returns
    -------
    float or InterSampleDiversity
        Bits, from 0 to log2 min(2 n k, n (n - 1)).

    Raises
    ------
    TypeError, ValueError
        As in `nearest_neighbors`; at least three samples are needed.

    Examples
    --------
    Each corner of a square has its two adjacent corners as neighbours: 8 ordered pairs of equal probability, 3 bits.

    >>> import numpy as np
    >>> import bitlens
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    >>> round(bitlens.inter_sample_entropy(square, k=2), 12)
    3.0
    """
    points, context, ends = as_samples(x, "x", at_least=3)
    n, count = len(points), check_neighbor_count(k, len(points), at_least=2)
    trusted_share = TRUSTED_SHARE if str(points.dtype).endswith("float32") else math.inf
    neighbors = search(points, context, ends, count, trusted_share=trusted_share)
    if not full_output:
        return entropy_with_warnings(neighbors, context)

    def shuffled(random: np.random.Generator) -> float:
        mixed = context.to_device(random.permuted(as_numpy(points), axis=0))
        found = search(mixed, context, ends, count, trusted_share=trusted_share)
        return entropy_of_neighbors(found.distances, found.indices, context)

    nearly_all = search(points, context, ends, diversity_neighbors(n), trusted_share=trusted_share)
    return diversity_of_neighbors(
        neighbors, nearly_all, _coinciding(points), shuffled, context, seed=check_seed(seed), intervals=intervals
    )


def _coinciding(points: Any) -> NDArray:
    """Number samples [n, values] such that equal ones have the same number, int64 [n]."""
    numbers: dict[bytes, int] = {}
    # -0.0 is 0.0, which a sum with 0 makes it.
    return np.array([numbers.setdefault((row + 0.0).tobytes(), len(numbers)) for row in as_numpy(points)], np.int64)
