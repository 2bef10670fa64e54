"""Neighbours and inter-sample entropy: how diverse a set of samples is."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import Array, ArrayContext, call_kernel, neighbor_count, rescale_for_squares, samples


class _Tiles(NamedTuple):
    """How the products of all pairs of samples are cut up."""

    panel: int
    """Samples that lie side by side for their products."""
    rows: int
    """Of a tile, in panels."""
    columns: int


_CPU_TILES = _Tiles(_core.CPU_PANEL, 12, 168)  # 18 MB
_CUDA_TILES = _Tiles(_core.CUDA_PANEL, 64, 64)  # 256 MB, and enough rows and columns for all multiprocessors

# How many candidates a list takes beyond those it keeps, at least: so many make cutting it worth while.
_LIST_SLACK = 128

# Of |x|^2 + |y|^2: above it a squared distance by float32 products is good to a relative 1e-5.
_TRUSTED_SHARE = 0.03

_UNIT_ROUNDOFF = 2.0**-24


def nearest_neighbors(x: Array, k: int) -> tuple[Any, Any]:
    """Find the exact k nearest other samples of every sample.

    Neighbours are ordered by (distance, index), so ties are settled the same way everywhere. Distances are exact: of the
    values as given, by differences in float64, whatever the offset and scale of the data. Samples that have many others
    at nearly the same distance are compared with all n.

    Parameters
    ----------
    x : array of shape (n, ...)
        Samples along the first axis; the rest is flattened.
    k : int
        Number of neighbours, 1 to n - 1.

    Returns
    -------
    distances : float64 array of shape (n, k)
        Euclidean distances, ascending.
    indices : int64 array of shape (n, k)
        Which samples these are.

    Raises
    ------
    TypeError
        If x is no array of real numbers or k is no integer.
    ValueError
        If x is empty or not finite, has fewer than two samples, or k is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> distances, indices = bitlens.nearest_neighbors(np.array([[0.0], [1.0], [3.0]]), k=1)
    >>> distances[:, 0], indices[:, 0]
    (array([1., 1., 2.]), array([1, 0, 1]))
    """
    points, context, ends = samples(x, "x", at_least=2)
    count = neighbor_count(k, len(points), at_least=1)
    distances, indices, unit = _nearest(points, context, ends, count)
    return context.to_caller(_in_unit(distances, unit)), context.to_caller(context.astype(indices, "int64"))


def neighbor_probabilities(x: Array, k: int = 15) -> tuple[Any, Any, Any]:
    """Probabilities of every sample's neighbours under an adaptive exponential kernel.

    The scale s of each sample solves sum_j exp(-d_j / s) = log2(k) over its k nearest neighbours (CNNSlicer, Shen and
    Shen 2021, eq. 4 and 5). If log2(k) or more neighbours coincide with the sample, no scale exists; the limit s -> 0
    is meant, in which they weigh 1 and all others 0.

    Parameters
    ----------
    x : array of shape (n, ...)
        Samples along the first axis; the rest is flattened.
    k : int
        Number of neighbours, 2 to n - 1.

    Returns
    -------
    indices : int64 array of shape (n, k)
        The neighbours, by (distance, index).
    probabilities : float64 array of shape (n, k)
        P(j|i) of eq. 4; they sum to log2(k) in each row (to more, where more neighbours coincide with the sample).
    scales : float64 array of shape (n,)
        The scales, in the unit of the distances; 0 stands for the limit.

    Raises
    ------
    TypeError, ValueError
        As `nearest_neighbors`.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(100, 5))
    >>> indices, probabilities, scales = bitlens.neighbor_probabilities(x, k=8)
    >>> bool(np.allclose(probabilities.sum(axis=1), 3.0))
    True
    """
    points, context, ends = samples(x, "x", at_least=3)
    distances, indices, unit = _nearest(points, context, ends, neighbor_count(k, len(points), at_least=2))
    scales = context.empty((len(points),), "float64")
    probabilities = context.empty(distances.shape, "float64")
    call_kernel(context, _core.neighbor_scales, distances, scales)
    call_kernel(context, _core.neighbor_weights, distances, scales, probabilities)
    return (
        context.to_caller(context.astype(indices, "int64")),
        context.to_caller(probabilities),
        context.to_caller(_in_unit(scales, unit)),
    )


def inter_sample_entropy(x: Array, k: int = 15) -> float:
    """Inter-sample entropy in bits: how diverse the samples are in their own space.

    Pair probabilities P(j|i) of the k nearest neighbours (see `neighbor_probabilities`) are symmetrised over the union
    of neighbour relations, normalised, and H = -sum P log2 P is taken over all ordered pairs (CNNSlicer, Shen and Shen
    2021, eq. 4 to 7). k changes the number: compare only values of equal k.

    Who is a neighbour is exact. So are the distances of float64 samples; those of float32 samples come from matrix
    products in float32 wherever these are good to a relative 1e-5, which moves the entropy by far less than 1e-5 bits.

    Parameters
    ----------
    x : array of shape (n, ...)
        Samples along the first axis; the rest is flattened.
    k : int
        Number of neighbours, 2 to n - 1.

    Returns
    -------
    float
        Bits, from 0 to log2(n (n - 1)).

    Raises
    ------
    TypeError, ValueError
        As `nearest_neighbors`.

    Examples
    --------
    Four corners of a square, each with its two adjacent corners: 8 ordered pairs, all alike, are 3 bits.

    >>> import numpy as np
    >>> import bitlens
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    >>> round(bitlens.inter_sample_entropy(square, k=2), 12)
    3.0
    """
    points, context, ends = samples(x, "x", at_least=3)
    trusted_share = _TRUSTED_SHARE if str(points.dtype).endswith("float32") else math.inf
    count = neighbor_count(k, len(points), at_least=2)
    distances, indices, _ = _nearest(points, context, ends, count, trusted_share)
    scales = context.empty((len(points),), "float64")
    call_kernel(context, _core.neighbor_scales, distances, scales)
    sums, entropy = context.empty((len(points), 2), "float64"), context.empty((1,), "float64")
    call_kernel(context, _core.edge_entropy, distances, indices, scales, sums, entropy)
    return float(entropy[0])


def _in_unit(lengths: Any, unit: float) -> Any:
    if unit == 1:
        return lengths
    with np.errstate(over="ignore"):
        result = lengths * unit
    if not bool((result < math.inf).all()):
        raise ValueError("x: the samples lie further apart than a float64 can tell; scale the values")
    return result


def _nearest(
    x: Any, context: ArrayContext, ends: tuple[float, float], k: int, trusted_share: float = math.inf
) -> tuple[Any, Any, float]:
    """Neighbours, and the unit of the distances: a float32 filter by tiles of dot products, then distances of what it left.

    The filter ranks pairs by a lower bound of their squared distance, so the largest bound it kept is a distance that
    nothing outside is below. Rows where this does not prove the k nearest are searched in full. Distances are measured
    by differences in float64, except where the squared distance of the filter is more than trusted_share of |x|^2 + |y|^2
    and does not decide who is among the k nearest.
    """
    x, units = rescale_for_squares(x, "x", (0, 1))
    unit = units.item()
    n, length = x.shape
    kept = k + max(16, k // 32)
    capacity = kept + max(_LIST_SLACK, kept // 2)
    if capacity >= n - 1:  # the filter would keep everything
        kept = capacity = 0
    counts, limits = context.empty((n,), "int32"), context.empty((n,), "float32")
    counts[...] = 0
    limits[...] = math.inf
    lists = (context.empty((n, capacity), "float32"), context.empty((n, capacity), "int32"), counts, limits)
    width = ends[1] / unit - ends[0] / unit or 1.0  # no sample is further from the mean, in any value
    taken_off = context.empty((n,), "float64")
    taken_off[...] = 0
    if kept:
        _filter(x, context, width, kept, lists, taken_off)
    boundaries = context.empty((n, 2), "float64")
    call_kernel(context, _core.cut_candidates, kept, *lists, width**2, taken_off, k, boundaries)
    room = max(capacity, k + _core.CUDA_SEARCH_BATCH) if context.on_cuda else k
    distances, indices = context.empty((n, room), "float64"), context.empty((n, room), "int32")
    trusted = trusted_share / _relative_error(length)
    call_kernel(
        context, _core.exact_neighbors, x, *lists, width**2, taken_off, trusted, boundaries, k, distances, indices
    )  # fmt: skip
    return distances[:, :k], indices[:, :k], unit


def _filter(x: Any, context: ArrayContext, width: float, kept: int, lists: tuple[Any, ...], taken_off: Any) -> None:
    """Fill the lists of candidates from tiles of dot products, and tell what was taken off squared distances for them.

    Each tile above the diagonal serves its rows, and read down its columns the other samples. Bounds are in the unit of
    width^2.
    """
    n, length = x.shape
    panel, tile_rows, tile_columns = _tiles_for(context)
    panels = context.empty((-(-n // panel), length, panel), "float32")
    norms = context.empty((n,), "float64")
    mean = context.empty((length,), "float64")
    mean[...] = x.mean(0, dtype=mean.dtype)
    call_kernel(context, _core.center_samples, x, mean, width, panels, norms)
    # Products below float32's range may vanish, each by at most its smallest normal number.
    vanished = length * float(np.finfo(np.float32).tiny)
    taken_off[...] = norms * _relative_error(length) + vanished
    shrunk = context.astype(norms - taken_off, "float32")
    taken_off *= width**2
    tile = context.empty((panel**2 * min(tile_rows, len(panels)) * min(tile_columns, len(panels)),), "float32")
    for i in range(0, len(panels), tile_rows):
        rows = panels[i : i + tile_rows]
        for j in range(i, len(panels), tile_columns):
            columns = panels[j : j + tile_columns]
            dots = tile[: panel**2 * len(rows) * len(columns)].reshape(panel * len(rows), -1)
            call_kernel(context, _core.dot_products, rows, columns, dots)
            first_row, first_column = panel * i, panel * j
            within = dots[: n - first_row, : n - first_column]
            call_kernel(context, _core.keep_nearest, within, shrunk, first_row, first_column, kept, *lists)


def _tiles_for(context: ArrayContext) -> _Tiles:
    return _CUDA_TILES if context.on_cuda else _CPU_TILES


def _relative_error(length: int) -> float:
    """How far a float32 squared distance may be off, as a share of |x|^2 + |y|^2.

    The dot product's share is Higham and Mary's (2019) probabilistic bound with lambda = 8; the rest is the rounding of
    the points, the norms and the final sum.
    """
    return (min(length, 8 * math.sqrt(length)) + 16) * _UNIT_ROUNDOFF
