"""The exact nearest neighbours of samples: float32 products select candidates, float64 differences measure them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, overload

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    ArrayLike,
    Foreign,
    NDArray,
    array_namespace,
    as_samples,
    call_kernel,
    check_integer,
    check_neighbor_count,
    check_same_device,
    have_finite_squares,
    in_callers_library,
    rescale_for_squares,
)
from bitlens.estimators.neighbors.products import in_panels, relative_error
from bitlens.estimators.neighbors.projection import choose_projection
from bitlens.estimators.neighbors.scan import Neighbors, scan


class _Tiles(NamedTuple):
    """The tiles into which the table of all dot products is divided."""

    panel: int
    """Number of samples whose values lie next to each other in memory."""
    rows: int
    """Height of a tile, in panels."""
    columns: int
    """Width of a tile, in panels."""


_CPU_TILES = _Tiles(_core.CPU_PANEL, 12, 168)  # 18 MB
_CUDA_TILES = _Tiles(_core.CUDA_PANEL, 64, 64)  # 256 MB, and enough rows and columns for all multiprocessors

# The least number of candidates that a list collects beyond those it keeps. Cutting a list back costs time, so that it
# should not happen often.
_LIST_SLACK = 128

# Number of values of a sample from which on float32 products are faster than float64 differences of all pairs.
_LONG = 1024

# A squared distance from float32 products is accurate to a relative 1e-5 if it is above this share of |x|^2 + |y|^2.
TRUSTED_SHARE = 0.03


@overload
def nearest_neighbors(x: ArrayLike, k: int, *, among: Array | None = ...) -> tuple[NDArray, NDArray]: ...
@overload
def nearest_neighbors(x: Foreign, k: int, *, among: Array | None = ...) -> tuple[Foreign, Foreign]: ...
@in_callers_library
def nearest_neighbors(x: Array, k: int, *, among: Array | None = None) -> Any:
    """Find the exact k nearest other samples of every sample, or its k nearest among other samples.

    Neighbours are ordered by (distance, index), so that the order of equally distant samples is defined. Distances are
    exact: they are computed from differences of the given values in float64, for any offset and scale of the data. The
    search takes longer for samples that have many others at nearly the same distance.

    In a large set, the projections on some principal directions rule most pairs out. Noise, which has no such
    directions, takes longer.

    Parameters
    ----------
    x : array of shape (n, ...)
        Samples along the first axis; the other axes are flattened.
    k : int
        Number of neighbours, 1 to n - 1, or 1 to m with `among`.
    among : array of shape (m, ...), optional
        The samples among which neighbours are searched. They have as many values as those of x. A sample of x that is
        also one of these is its own neighbour at distance 0.

    Returns
    -------
    distances : float64 array of shape (n, k)
        Euclidean distances in the unit of x, ascending.
    indices : int64 array of shape (n, k)
        The indices of the neighbours, 0 to n - 1, or 0 to m - 1 with `among`.

    Raises
    ------
    TypeError
        If x is not an array of real numbers or k is not an integer.
    ValueError
        If an array is empty or not finite or x has fewer than two samples without `among`, if k is out of range, if the
        samples have different numbers of values, or if a distance is too large for float64.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> distances, indices = bitlens.nearest_neighbors(np.array([[0.0], [1.0], [3.0]]), k=1)
    >>> distances[:, 0], indices[:, 0]
    (array([1., 1., 2.]), array([1, 0, 1]))
    >>> bitlens.nearest_neighbors(np.array([[0.9]]), k=1, among=np.array([[0.0], [1.0], [3.0]]))[1]
    array([[1]])
    """
    points, context, ends = as_samples(x, "x", at_least=2 if among is None else 1)
    if among is None:
        found = search(points, context, ends, check_neighbor_count(k, len(points), at_least=1))
    else:
        found = _search_among(points, context, ends, k, among)
    indices = context.astype(found.indices, "int64")
    return in_unit(found.distances, found.unit), indices


def in_unit(lengths: Any, unit: float) -> Any:
    """Multiply lengths by the unit in which `search` measured them."""
    if unit == 1:
        return lengths
    with np.errstate(over="ignore"):
        result = lengths * unit
    if not bool((result < math.inf).all()):
        raise ValueError("x: expected distances within the range of float64, got larger ones; scale the values")
    return result


def search(
    x: Any,
    context: ArrayContext,
    ends: tuple[float, float],
    k: int,
    *,
    trusted_share: float = math.inf,
) -> Neighbors:
    """Find the k nearest neighbours, and the unit of their distances.

    A filter ranks pairs of samples by a lower bound of their squared distance, which comes from tiles of float32 dot
    products. The largest bound that a list kept is therefore a lower bound of every distance that it discarded. Rows
    for which this does not prove the k nearest are searched completely.

    If some directions tell most of the samples apart, a scan of projected samples replaces the filter.

    Distances are computed from differences in float64. The exception are pairs whose squared distance from the filter
    is above trusted_share of |x|^2 + |y|^2 and does not decide which samples are the k nearest: these keep the
    filter's distance. With an infinite share there are no such pairs.
    """
    unit = 1.0
    if not have_finite_squares(ends):
        x, units = rescale_for_squares(x, "x", (0, 1))
        unit = units.item()
    n, length = x.shape
    width = ends[1] / unit - ends[0] / unit or 1.0  # in every value, no sample is further from the mean
    projection = choose_projection(x, None, context, k)
    if projection is not None:
        return scan(x, None, context, width, k, projection, unit)
    list_length = k + max(16, k // 32)
    capacity = list_length + max(_LIST_SLACK, list_length // 2)
    if capacity >= n - 1:  # the filter would discard nothing
        products = trusted_share < math.inf and length >= _LONG  # they can replace the distances
        list_length, capacity = (n - 1, n - 1 + _LIST_SLACK) if products else (0, 0)
    counts, limits = context.empty((n,), "int32"), context.empty((n,), "float32")
    counts[...] = 0
    limits[...] = math.inf
    lists = (context.empty((n, capacity), "float32"), context.empty((n, capacity), "int32"), counts, limits)
    error_bounds = context.empty((n,), "float64")
    error_bounds[...] = 0
    if list_length:
        _fill_candidate_lists(x, context, width, list_length, lists, error_bounds)
    kth_estimates = context.empty((n, 2), "float64")
    call_kernel(context, _core.cut_candidates, list_length, *lists, width**2, error_bounds, k, kth_estimates)
    columns = max(capacity, k + 1 + _core.CUDA_SEARCH_BATCH) if context.on_cuda else k
    distances, indices = context.empty((n, columns), "float64"), context.empty((n, columns), "int32")
    ties = context.empty((n,), "uint8")
    trusted = trusted_share / relative_error(length)
    filtered = (*lists, width**2, error_bounds, trusted, kth_estimates)
    call_kernel(context, _core.exact_neighbors, x, *filtered, k, distances, indices, ties)
    return Neighbors(distances[:, :k], indices[:, :k], ties, unit)


def _search_among(x: Any, context: ArrayContext, ends: tuple[float, float], k: int, among: Array) -> Neighbors:
    """Find the k nearest samples of `among` for each sample of x."""
    y, other_context, other_ends = as_samples(among, "among", at_least=1)
    check_same_device([context, other_context], "among")
    if y.shape[1] != x.shape[1]:
        raise ValueError(f"among: expected the {x.shape[1]} values of a sample of x, got {y.shape[1]}")
    count = check_integer(k, "k")
    if not 1 <= count <= len(y):
        raise ValueError(f"k: expected 1 to {len(y)}, the number of samples of among, got {count}")
    xp = array_namespace(x)
    if x.dtype != y.dtype:
        x, y = context.astype(x, "float64"), context.astype(y, "float64")
    low, high = min(ends[0], other_ends[0]), max(ends[1], other_ends[1])
    unit = 1.0
    if not (have_finite_squares(ends) and have_finite_squares(other_ends)):
        both, units = rescale_for_squares(xp.concatenate([x, y]), "x and among", (0, 1))
        x, y, unit = both[: len(x)], both[len(x) :], units.item()
    width = high / unit - low / unit or 1.0
    return scan(x, y, context, width, count, choose_projection(x, y, context, count), unit)


def _fill_candidate_lists(
    x: Any, context: ArrayContext, width: float, list_length: int, lists: tuple[Any, ...], error_bounds: Any
) -> None:
    """Fill the lists of candidates from tiles of dot products, and store each sample's share of the error bound.

    A tile above the diagonal of the table serves its rows and, read by columns, the samples of its columns. The lower
    bounds in the lists are in the unit of width^2.
    """
    length = x.shape[1]
    panel, tile_rows, tile_columns = _tiles_for(context)
    mean = context.empty((length,), "float64")
    mean[...] = x.mean(0, dtype=mean.dtype)
    panels, norms = in_panels(x, context, mean, width)
    # A product below the normal range of float32 may become 0; its error is at most the smallest normal number.
    underflow = length * float(np.finfo(np.float32).tiny)
    error_bounds[...] = norms * relative_error(length) + underflow
    lowered_norms = context.astype(norms - error_bounds, "float32")
    error_bounds *= width**2
    pairs = panel**2 * min(tile_rows, len(panels)) * min(tile_columns, len(panels))
    tile = context.empty((pairs,), "float32")
    marks = context.empty((pairs // 32 * _core.CUDA_PAIR_MARKS * context.on_cuda,), "int32")
    for i in range(0, len(panels), tile_rows):
        rows = panels[i : i + tile_rows]
        for j in range(i, len(panels), tile_columns):
            columns = panels[j : j + tile_columns]
            dots = tile[: panel**2 * len(rows) * len(columns)].reshape(panel * len(rows), -1)
            operands = rows, columns, lowered_norms, panel * i, panel * j
            call_kernel(context, _core.keep_nearest, *operands, list_length, dots, marks, *lists)


def _tiles_for(context: ArrayContext) -> _Tiles:
    return _CUDA_TILES if context.on_cuda else _CPU_TILES
