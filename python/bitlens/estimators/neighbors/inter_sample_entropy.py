"""Neighbour probabilities and inter-sample entropy: how diverse a set of samples is."""

from __future__ import annotations

import math
from typing import Any

from bitlens import _core
from bitlens.arrays import Array, ArrayContext, as_samples, call_kernel, check_neighbor_count
from bitlens.estimators.neighbors.nearest import TRUSTED_SHARE, in_unit, search


def neighbor_probabilities(x: Array, k: int = 15) -> tuple[Any, Any, Any]:
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
    distances, indices, unit = search(points, context, ends, check_neighbor_count(k, len(points), at_least=2))
    scales = context.empty((len(points),), "float64")
    probabilities = context.empty(distances.shape, "float64")
    call_kernel(context, _core.neighbor_scales, distances, scales)
    call_kernel(context, _core.neighbor_weights, distances, scales, probabilities)
    return (
        context.to_caller(context.astype(indices, "int64")),
        context.to_caller(probabilities),
        context.to_caller(in_unit(scales, unit)),
    )


def inter_sample_entropy(x: Array, k: int = 15) -> float:
    """Compute the inter-sample entropy in bits: how diverse the samples are in their space.

    The probabilities P(j|i) of the k nearest neighbours (see `neighbor_probabilities`) are made symmetric, P_ij =
    P(j|i) + P(i|j) over all pairs of which at least one sample is a neighbour of the other, and normalised to sum 1.
    The entropy is H = -sum P_ij log2 P_ij over ordered pairs (CNNSlicer, Shen and Shen 2021, eq. 4 to 7). It depends on
    k: compare only values of equal k.

    The neighbours are exact. The distances of float64 samples are exact as well. Those of float32 samples come from
    float32 matrix products wherever these are accurate to a relative 1e-5, which changes the entropy by far less than
    1e-5 bits.

    Parameters
    ----------
    x : array of shape (n, ...)
        Samples along the first axis; the other axes are flattened.
    k : int
        Number of neighbours, 2 to n - 1.

    Returns
    -------
    float
        Bits, from 0 to log2(n (n - 1)).

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
    trusted_share = TRUSTED_SHARE if str(points.dtype).endswith("float32") else math.inf
    count = check_neighbor_count(k, len(points), at_least=2)
    distances, indices, _ = search(points, context, ends, count, trusted_share=trusted_share)
    return entropy_of_neighbors(distances, indices, context)


def entropy_of_neighbors(distances: Any, indices: Any, context: ArrayContext) -> float:
    """Compute the inter-sample entropy in bits from the neighbours [n, k], ordered by (distance, index)."""
    scales = context.empty((len(distances),), "float64")
    call_kernel(context, _core.neighbor_scales, distances, scales)
    sums, entropy = context.empty((len(distances), 2), "float64"), context.empty((1,), "float64")
    call_kernel(context, _core.edge_entropy, distances, indices, scales, sums, entropy)
    return float(entropy[0])
