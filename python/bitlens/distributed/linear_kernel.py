"""Entropies of linear kernels of chunked samples, through the smaller one of the two Gram matrices.

The nonzero eigenvalues of z z^T [n, n] and of z^T z [values, values] are equal, and the latter is a sum over chunks.
"""

from __future__ import annotations

import math

import numpy as np
from dask.delayed import Delayed

from bitlens.arrays import NDArray
from bitlens.distributed.chunks import Chunks, task
from bitlens.distributed.tiles import CONTEXT, mean_of
from bitlens.estimators.matrix.gaussian_kernel import sum_of_squares
from bitlens.estimators.matrix.kernels import Linear
from bitlens.estimators.matrix.linear_kernel import entropies_of_matrices, row_norms, warn_of_undefined
from bitlens.estimators.matrix.sample_tiles import slices

_MOST_ROWS = 16384
"""The side of the largest matrix in the memory of a worker, which has 2 GB."""


def linear_entropy(chunks: Chunks, kernel: Linear, alpha: float) -> float:
    """Compute the Renyi entropy in bits of a linear kernel; NaN with a warning where it is not defined."""
    n, width = chunks.samples, chunks.values
    by_columns = width <= min(n, _MOST_ROWS)
    if not by_columns and n > _MOST_ROWS and alpha != 2:
        raise ValueError(
            f"x: expected at most {_MOST_ROWS} samples, or values of a sample, for an order other than 2, got {n} "
            f"samples of {width} values; use alpha=2"
        )
    mean = mean_of(chunks) if kernel.center else None
    squares = [task(_squared_norms, block, mean) for block in chunks.blocks]
    factors = task(_factors, squares, mean, kernel, chunks.dtype)
    if not by_columns and alpha == 2:
        result = _of_pairs(chunks, mean, factors)
    else:
        matrix = _products_of_values if by_columns else _products_of_samples
        result = task(_entropy, matrix(chunks, mean, factors), alpha)
    bits = float(result.compute())
    warn_of_undefined(np.array([bits]), "x", "a kernel that is not 0 everywhere")
    return bits


def _centered(block: NDArray, mean: NDArray | None) -> NDArray:
    rows = block.astype(np.float64)
    if mean is not None:
        rows -= mean
    return rows


def _squared_norms(block: NDArray, mean: NDArray | None) -> NDArray:
    rows = _centered(block, mean)
    squares: NDArray = np.einsum("nd,nd->n", rows, rows)
    return squares


def _factors(squares: list[NDArray], mean: NDArray | None, kernel: Linear, dtype: str) -> NDArray:
    """The factor of each row for a kernel of trace 1, [n]; 0 where the kernel is not defined."""
    squared_mean = np.zeros(1) if mean is None else (mean**2).sum()[None]
    eps = float(np.finfo(dtype).eps)
    factors: NDArray = row_norms(np.concatenate(squares)[None], None, squared_mean, kernel, eps, CONTEXT).factors()[0]
    return factors


def _rows(block: NDArray, mean: NDArray | None, factors: NDArray, first: int) -> NDArray:
    rows = _centered(block, mean)
    rows *= factors[first : first + len(rows), None]
    return rows


def _products_of_values(chunks: Chunks, mean: Delayed | None, factors: Delayed) -> Delayed:
    """The matrix [values, values], as the sum of those of all chunks, two at a time."""
    parts = [
        task(_gram, block, mean, factors, first) for block, first in zip(chunks.blocks, chunks.starts, strict=True)
    ]
    while len(parts) > 1:
        parts = [task(sum, parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return parts[0]


def _gram(block: NDArray, mean: NDArray | None, factors: NDArray, first: int) -> NDArray:
    rows = _rows(block, mean, factors, first)
    return rows.T @ rows


def _products_of_samples(chunks: Chunks, mean: Delayed | None, factors: Delayed) -> Delayed:
    """The matrix [n, n]."""
    places = list(zip(chunks.blocks, chunks.starts, strict=True))
    parts = [
        task(_products, rows, columns, mean, factors, i, j) for rows, i in places for columns, j in places if j <= i
    ]
    return task(_joined, parts, chunks.samples)


def _products(
    rows: NDArray, columns: NDArray, mean: NDArray | None, factors: NDArray, i: int, j: int
) -> tuple[int, int, NDArray]:
    return i, j, _rows(rows, mean, factors, i) @ _rows(columns, mean, factors, j).T


def _joined(parts: list[tuple[int, int, NDArray]], n: int) -> NDArray:
    matrix = np.empty((n, n))
    for i, j, products in parts:
        height, width = products.shape
        matrix[i : i + height, j : j + width] = products
        matrix[j : j + width, i : i + height] = products.T
    return matrix


def _entropy(matrix: NDArray, alpha: float) -> float:
    return float(entropies_of_matrices(matrix[None], alpha, CONTEXT)[0]) if matrix.trace() > 0 else math.nan


def _of_pairs(chunks: Chunks, mean: Delayed | None, factors: Delayed) -> Delayed:
    """The entropy of order 2, from the sum of the squares of all products of samples."""
    places = list(zip(chunks.blocks, chunks.starts, strict=True))
    sums = [
        task(_squared_products, rows, columns, mean, factors, i, j)
        for rows, i in places
        for columns, j in places
        if j <= i
    ]
    return task(_collision_entropy, sums, min(chunks.samples, chunks.values))


def _squared_products(rows: NDArray, columns: NDArray, mean: NDArray | None, factors: NDArray, i: int, j: int) -> float:
    left, right = _rows(rows, mean, factors, i), _rows(columns, mean, factors, j)
    total = sum(sum_of_squares(left[part] @ right.T, CONTEXT) for part in slices(len(left)))
    return total if i == j else 2 * total


def _collision_entropy(sums: list[float], side: int) -> float:
    total = math.fsum(sums)
    return min(max(-math.log2(total), 0.0), math.log2(side)) if total > 0 else math.nan
