"""The neighbour search by a scan of lower bounds, which come from the samples' coordinates."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import ArrayContext, NDArray, array_namespace, as_numpy, call_kernel
from bitlens.estimators.neighbors.products import (
    UNIT_ROUNDOFF,
    in_panels,
    panel_size,
    product_error,
    products_with,
    relative_error,
)
from bitlens.estimators.neighbors.projection import Projection

# Number of coordinates that may divide the samples into panels, and of values up to which samples are divided without
# a projection.
_DIVIDING = 16
_SHORT = 64


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
        operands = _projected(given, context, projection, width)
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
    panels, norms = in_panels(x, context, mean, width)
    return _scanned(panels, norms, context.empty((n, 0), "float32"), norms * relative_error(length), order, context)


def _projected(given: list[Any], context: ArrayContext, projection: Projection, width: float) -> list[tuple[Any, ...]]:
    """Projections of the samples of one or two sets."""
    coarse = projection.coarse
    parts = [_project(samples, context, projection, width) for samples in given]
    # With coordinates that are wrong by a and b, |z_x - z_y|^2 - |x - y|^2 is at most 2 |z_x - z_y| (a + b). That is at
    # most share |z_x - z_y|^2 + (a + b)^2 / share for every share that both sets use.
    wrong, norm = sum(p.wrong.sum() for p in parts), sum(p.norms.sum() for p in parts)
    share = (wrong / array_namespace(norm).maximum(wrong, norm)) ** 0.5
    relative = relative_error(coarse + 1) + 2 * share
    return [
        _scanned(p.panels, p.norms, p.finer, p.norms * relative + 2 / share * p.wrong, p.order, context) for p in parts
    ]


class _Projected(NamedTuple):
    """Samples as coordinates, in an order in which near ones are close."""

    panels: Any
    norms: Any
    finer: Any
    wrong: Any
    """Bounds of the squared errors of the coordinates [n]."""
    order: Any


def _project(x: Any, context: ArrayContext, projection: Projection, width: float) -> _Projected:
    """Projections of the samples, and the lengths of what is left of them.

    With directions V, the squared distance of (V'x, r_x) and (V'y, r_y), where r_x = sqrt(|x|^2 - |V'x|^2), is at most
    that of x and y, because the largest singular value of V is at most 1.
    """
    n, length = x.shape
    directions, coarse = projection.directions, projection.coarse
    finest = directions.shape[1]
    vectors, mean = context.to_device(directions.T.copy()), context.to_device(projection.mean.astype(np.float64))
    coordinates = context.empty((n, coarse + 1), "float32")
    finer = context.empty((n, finest + 1 if finest > coarse else 0), "float32")
    squares, rest = context.empty((n,), "float64"), context.empty((n,), "float64")
    for rows, along, norms in products_with(vectors, x, context, mean, width):
        squares[rows] = norms
        for target, count in ((coordinates, coarse), (finer, finest)):
            if target.shape[1]:
                rest[rows] = (norms - (along[:count] ** 2).sum(0)).clip(0) ** 0.5
                target[rows, :count] = along[:count].T
                target[rows, count] = rest[rows]
    order = context.to_device(_divide(as_numpy(coordinates[:, : min(coarse, _DIVIDING)]), panel_size(context)))
    none = context.to_device(np.zeros(coarse + 1))
    panels, norms = in_panels(coordinates[order], context, none, 1.0)
    wrong = _coordinate_errors(squares, rest, length, finest)
    return _Projected(panels, norms, finer[order], wrong[order], order)


def _coordinate_errors(squares: Any, rest: Any, length: int, finest: int) -> Any:
    """Bounds of the squared errors of the coordinates [n]: of all products of a sample and of the length of the rest.

    `squares` are the squared norms of the samples.
    """
    lengths = squares**0.5
    # A value or product below the normal range of float32 may become 0.
    products = (product_error(length) * lengths + 2 * length * float(np.finfo(np.float32).tiny)) * math.sqrt(finest)
    of_square = 4 * UNIT_ROUNDOFF * squares + 2 * lengths * products + products**2
    # The error of a root is that of the square over the sum of both roots, and at most the root of that of the square.
    return products**2 + of_square / (rest**2 / of_square).clip(1)


def _scanned(panels: Any, norms: Any, finer: Any, errors: Any, order: Any, context: ArrayContext) -> tuple[Any, ...]:
    """The operands of `scan_neighbors` that describe samples."""
    # A product below the normal range of float32 may become 0; its error is at most the smallest normal number.
    errors = errors + panels.shape[1] * float(np.finfo(np.float32).tiny)
    return panels, finer, context.astype(norms - errors, "float32"), context.astype(errors, "float32"), order


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
