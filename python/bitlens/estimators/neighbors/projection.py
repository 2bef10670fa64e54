"""Directions on which samples are projected, so that few of their pairs need a distance of the full length."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import ArrayContext, NDArray, as_numpy
from bitlens.estimators.neighbors.products import products_with

# Fewer products than these take less time than the choice of directions.
_LEAST_PRODUCTS = 5e10
_LEAST_SAMPLES = 4096

# Samples from which the directions come, for which candidates are counted, and among which they are counted.
_DIRECTION_ROWS = 512
_QUERIES = 24
_COLUMNS = 1024

_COARSE = (16, 32, 64, 128)
_FINER = (64, 128, 256)

# Costs in the unit of one multiplication and addition of a product of matrices, measured on a CPU with AVX2.
_TILE_PAIR = 100  # of the search by tiles, in addition to a product
_SCAN_PAIR = 20  # of the scan, in addition to a product
_CANDIDATE = 500  # of a pair that a coarse bound leaves, in addition to its finer coordinates
_VALUE = 13  # of a value of a measured distance
_CENTRED_VALUE = 140  # of a value that is read and centred
_PROJECTED_VALUE = 1.5  # of a value that is projected on one direction

# Squares of larger values may overflow in float32, in which the choice is made.
_LARGEST = 1e15

# A search that is faster by less than this is not worth the risk of a wrong estimate.
_LEAST_GAIN = 0.8


class Projection(NamedTuple):
    """Directions, of which the first ones give coarse bounds of distances and all of them finer ones."""

    mean: NDArray
    """Float64 [d]."""
    directions: NDArray
    """Float64 [d, finer]; its largest singular value is at most 1, so that no projected distance is too large."""
    coarse: int
    """The number of directions of the coarse bounds."""


def choose_projection(x: Any, among: Any | None, context: ArrayContext, k: int) -> Projection | None:
    """Choose principal directions of `among`, or None where a search without them takes less time.

    The k nearest rows of `among` are searched for each row of x [n, d]; without `among`, other rows of x. The
    directions are those of a sample of rows. A few other rows tell how many candidates the bounds leave, from which a
    model of the cost chooses the numbers of directions. The random numbers are always the same.
    """
    y = x if among is None else among
    n, length = y.shape
    if n < max(_LEAST_SAMPLES, 32 * k) or float(n) * len(x) * length < _LEAST_PRODUCTS:
        return None
    random = np.random.default_rng(0)
    sample = _rows(y, context, random.choice(n, _DIRECTION_ROWS + _COLUMNS + _QUERIES, replace=False))
    rows, columns, queries = np.split(sample, [_DIRECTION_ROWS, _DIRECTION_ROWS + _COLUMNS])
    if among is not None:
        queries = _rows(x, context, random.choice(len(x), min(_QUERIES, len(x)), replace=False))
    if not 0 < np.abs(sample).max() < _LARGEST:
        return None
    mean = rows.mean(axis=0)
    directions = _principal_directions(rows - mean, min(_FINER[-1], length))
    with np.errstate(over="ignore", invalid="ignore"):  # of a few rows that are far larger
        farthest = _squared_distances_of_rank(y, context, mean, queries - mean, k if among is None else k - 1)
    shares = _shares_left(queries - mean, columns - mean, directions, farthest)
    left = {count: max(k, n * share) for count, share in shares.items()}
    projected = length * (1 if among is None else 1 + n / len(x))
    costs = {
        (coarse, finer): n * (coarse + _SCAN_PAIR)
        + (finer > coarse) * left[coarse] * (_CANDIDATE + finer * _VALUE)
        + left[finer] * length * _VALUE
        + projected * (_CENTRED_VALUE + _PROJECTED_VALUE * finer)
        for coarse in set(_COARSE) & left.keys()
        for finer in {coarse, *_FINER} & left.keys()
        if finer >= coarse
    }
    best = min(costs, key=lambda counts: (costs[counts], counts), default=None)
    pairs = n * (length / 2 + _TILE_PAIR) if among is None else n * (length + _SCAN_PAIR)
    if best is None or costs[best] > _LEAST_GAIN * (pairs + 1.5 * k * length * _VALUE):
        return None
    coarse, finer = best
    return Projection(mean.astype(np.float64), _shrunk(directions[:, :finer].astype(np.float64)), coarse)


def _rows(x: Any, context: ArrayContext, which: NDArray) -> NDArray:
    """Some rows of x in float32, on the CPU."""
    with np.errstate(over="ignore"):
        return as_numpy(x[context.to_device(which)]).astype(np.float32)


def _squared_lengths(rows: NDArray) -> NDArray:
    """|x|^2 of each row, without memory for all squares."""
    squared: NDArray = (rows[:, None, :] @ rows[:, :, None])[:, 0, 0]
    return squared


def _principal_directions(centred: NDArray, most: int) -> NDArray:
    """The leading principal directions [d, directions] of centred rows [n, d]."""
    variances, vectors = np.linalg.eigh(centred @ centred.T)
    variances, vectors = variances[::-1][:most], vectors[:, ::-1][:, :most]
    directions: NDArray = centred.T @ vectors[:, variances > 1e-6 * max(variances[0], 0)]
    directions /= np.linalg.norm(directions, axis=0)
    return directions


def _shrunk(directions: NDArray) -> NDArray:
    """Divide directions, which are orthogonal with small errors, by their largest singular value."""
    return directions / (math.sqrt(np.linalg.eigvalsh(directions.T @ directions)[-1]) * (1 + 1e-12))


def _squared_distances_of_rank(y: Any, context: ArrayContext, mean: NDArray, queries: NDArray, rank: int) -> NDArray:
    """About the squared distances of centred queries to the rows of y with that rank, where 0 is the nearest."""
    offset = context.to_device(mean.astype(np.float64))
    parts = products_with(context.to_device(queries), y, context, offset, 1.0)
    squared = np.concatenate([as_numpy(norms - 2 * products) for _, products, norms in parts], axis=1)
    found: NDArray = np.partition(squared, rank, axis=1)[:, rank]
    return found + _squared_lengths(queries)


def _shares_left(queries: NDArray, columns: NDArray, directions: NDArray, farthest: NDArray) -> dict[int, float]:
    """The shares of columns whose bounds of distances to a query are at most that to its farthest neighbour.

    The keys are the numbers of directions that give the bounds.
    """
    projected, others = queries @ directions, columns @ directions
    squares, other_squares = _squared_lengths(queries), _squared_lengths(columns)
    shares = {}
    for count in sorted({*_COARSE, *_FINER}):
        if count > directions.shape[1]:
            break
        along, others_along = projected[:, :count], others[:, :count]
        lengths, other_lengths = _squared_lengths(along), _squared_lengths(others_along)
        rest = np.sqrt(np.maximum(squares - lengths, 0))
        other_rest = np.sqrt(np.maximum(other_squares - other_lengths, 0))
        bounds = lengths[:, None] + other_lengths - 2 * along @ others_along.T + (rest[:, None] - other_rest) ** 2
        shares[count] = float((bounds <= farthest[:, None]).mean())
    return shares
