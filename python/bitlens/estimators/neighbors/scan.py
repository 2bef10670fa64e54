"""The neighbour search by a scan of lower bounds, which come from the samples' coordinates."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import ArrayContext, NDArray, array_namespace, as_numpy, call_kernel
from bitlens.estimators.neighbors.projection import Projection, centred_blocks, squared_lengths

_UNIT_ROUNDOFF = 2.0**-24

# Number of coordinates that may divide the samples into panels, and of values up to which samples are divided without
# a projection.
_DIVIDING = 16
_SHORT = 64


def relative_error(length: int) -> float:
    """A bound of the error of a float32 squared distance, as a share of |x|^2 + |y|^2.

    The share of the dot product is the probabilistic bound of Higham and Mary (2019) with lambda = 8. The rest is the
    rounding of the points, of the norms and of the final sum.
    """
    return (min(length, 8 * math.sqrt(length)) + 16) * _UNIT_ROUNDOFF


def panel_size(context: ArrayContext) -> int:
    """Number of samples whose values lie next to each other in memory."""
    return _core.CUDA_PANEL if context.on_cuda else _core.CPU_PANEL


class Neighbors(NamedTuple):
    """The nearest neighbours of each sample, ordered by (distance, index)."""

    distances: Any
    """Float64 [n, k], in `unit`."""
    indices: Any
    """Int32 [n, k]."""
    ties: Any
    """Uint8 [n]: 1 if another sample is exactly as far as the last neighbour, so that the index decides."""
    unit: float
    coordinates: tuple[int, int] = (0, 0)
    """The numbers of directions of coarse and finer bounds; 0 without a projection."""
    measured: Any = None
    """Int32 [n]: how many distances a scan computed for each sample; None for a search by tiles."""


def scan(
    x: Any, among: Any | None, context: ArrayContext, width: float, k: int, projection: Projection | None, unit: float
) -> Neighbors:
    """Find the k nearest rows of `among` for every row of x; without `among`, other rows of x."""
    found = scan_squared(x, among, context, width, k, projection, unit)
    return found._replace(distances=array_namespace(found.distances).sqrt(found.distances))


def scan_squared(
    x: Any, among: Any | None, context: ArrayContext, width: float, k: int, projection: Projection | None, unit: float
) -> Neighbors:
    """As `scan`, with squared distances, because different ones may have the same root.

    The bounds come from the projected samples, or from all their values in float32. `width` is the largest difference
    of two values, and `unit` that of the distances.
    """
    n, columns = len(x), k + _core.CUDA_SCAN_SCRATCH * context.on_cuda
    y = x if among is None else among
    given = [x] if among is None else [x, y]
    if projection is None:
        mean = context.empty((x.shape[1],), "float64")
        mean[...] = y.mean(0, dtype=mean.dtype)
        operands = [_centred(samples, context, mean, width) for samples in given]
        coordinates = (0, 0)
    else:
        operands = [_projected(samples, context, projection, width) for samples in given]
        coordinates = (projection.coarse, projection.directions.shape[1])
    squared, indices = context.empty((n, columns), "float64"), context.empty((n, columns), "int32")
    ties, measured = context.empty((n,), "uint8"), context.empty((n,), "int32")
    options, results = (int(among is None), width**2, k), (squared, indices, ties, measured)
    call_kernel(context, _core.scan_neighbors, x, y, *operands[0], *operands[-1], *options, *results)
    return Neighbors(squared[:, :k], indices[:, :k], ties, unit, coordinates, measured)


def _centred(x: Any, context: ArrayContext, mean: Any, width: float) -> tuple[Any, ...]:
    """All values of the samples, in the order of the samples."""
    n, length = x.shape
    order = context.to_device(np.arange(n, dtype=np.int32))
    if length <= _SHORT:
        order = context.to_device(_divide(as_numpy(x).astype(np.float64), panel_size(context)))
        x = x[order]
    return _scanned(x, context.empty((n, 0), "float32"), order, context, mean, width, relative_error(length))


def _projected(x: Any, context: ArrayContext, projection: Projection, width: float) -> tuple[Any, ...]:
    """Projections of the samples and the lengths of what is left of them, in an order in which near ones are close.

    With directions V, the squared distance of (V'x, r_x) and (V'y, r_y), where r_x = sqrt(|x|^2 - |V'x|^2), is at most
    that of x and y, because the largest singular value of V is at most 1.
    """
    n, length = x.shape
    directions, coarse = projection.directions, projection.coarse
    finest = directions.shape[1]
    along = context.to_device(directions / width)
    coordinates = context.empty((n, coarse + 1), "float32")
    finer = context.empty((n, finest + 1 if finest > coarse else 0), "float32")
    for rows, block in centred_blocks(x, context, projection.mean, "float64"):
        projected = block @ along
        squares = squared_lengths(block) / width**2
        for target, count in ((coordinates, coarse), (finer, finest)):
            if target.shape[1]:
                target[rows, :count] = projected[:, :count]
                rest = squares - squared_lengths(projected[:, :count])
                target[rows, count] = rest.clip(0) ** 0.5
    places = _divide(as_numpy(coordinates[:, : min(coarse, _DIVIDING)]), panel_size(context))
    order = context.to_device(places)
    # The length of what is left has an error of at most the root of that of its square, a sum of float64 products.
    rounding = 4 * math.sqrt((math.sqrt(finest) + 1) * length * 2.0**-52)
    none = context.to_device(np.zeros(coarse + 1))
    error = relative_error(coarse + 1) + rounding
    return _scanned(coordinates[order], finer[order], order, context, none, 1.0, error)


def _scanned(
    coordinates: Any, finer: Any, order: Any, context: ArrayContext, mean: Any, width: float, error: float
) -> tuple[Any, ...]:
    """The operands of `scan_neighbors` that describe samples."""
    n, length = coordinates.shape
    panel = panel_size(context)
    panels = context.empty((-(-n // panel), length, panel), "float32")
    norms = context.empty((n,), "float64")
    call_kernel(context, _core.center_samples, coordinates, mean, width, panels, norms)
    # A product below the normal range of float32 may become 0; its error is at most the smallest normal number.
    errors = norms * error + length * float(np.finfo(np.float32).tiny)
    lowered = context.astype(norms - errors, "float32")
    return panels, finer, lowered, context.astype(errors, "float32"), order


def _divide(coordinates: NDArray, panel: int) -> NDArray:
    """Order samples such that those of a panel are near each other: halve along the widest coordinate, repeatedly."""
    order = np.arange(len(coordinates), dtype=np.int32)
    parts = [(0, len(order))]
    while parts:
        start, end = parts.pop()
        panels = -(-(end - start) // panel)
        if panels < 2:
            continue
        part = order[start:end]
        values = coordinates[part]
        middle = panels // 2 * panel
        widest = int(values[:: max(1, len(values) // 512)].var(axis=0).argmax())
        order[start:end] = part[np.argpartition(values[:, widest], middle)]
        parts += [(start, start + middle), (start + middle, end)]
    return order
