"""Estimators for values that are numbers of categories, such as token ids: only their equality counts.

The squared distance of two samples is that of their one-hot codes: twice the number of values in which they differ. It
is computed from comparisons, so that its memory does not grow with the number of categories, and it does not depend on
how the categories are numbered.
"""

from __future__ import annotations

import numpy as np

from bitlens.arrays import ArrayContext, NDArray, check_bin_count, check_neighbor_count
from bitlens.estimators.matrix.bandwidths import Bandwidth, exponents_of_squares
from bitlens.estimators.neighbors.inter_sample_entropy import entropy_of_neighbors

_BLOCK_BYTES = 64 * 2**20
"""Rows are compared with all samples in blocks, so that the keys of a block take at most this many bytes."""


def differing_values(a: NDArray, b: NDArray) -> NDArray:
    """Count the values in which each sample of a [n, values] differs from each of b, int64 [len(a), len(b)]."""
    counts = np.zeros((len(a), len(b)), np.min_scalar_type(a.shape[1]))
    for of_a, of_b in zip(np.ascontiguousarray(a.T), np.ascontiguousarray(b.T), strict=True):
        counts += of_a[:, None] != of_b
    return counts.astype(np.int64)


def category_diversity(values: NDArray, k: int) -> float:
    """Compute the inter-sample entropy in bits of samples [n, ...] of category numbers, as `inter_sample_entropy`."""
    rows = _as_codes(values.reshape(len(values), -1))
    n = len(rows)
    if n < 3:
        raise ValueError(f"x: expected at least 3 samples, got {n}")
    count = check_neighbor_count(k, n, at_least=2)
    keys = np.empty((n, count), np.int64)  # ordered as the pairs (distance, index)
    step = max(1, _BLOCK_BYTES // (8 * n))
    for first in range(0, n, step):
        of_block = differing_values(rows[first : first + step], rows) * n + np.arange(n)
        of_block[np.arange(len(of_block)), np.arange(first, first + len(of_block))] = np.iinfo(np.int64).max
        keys[first : first + step] = np.sort(np.partition(of_block, count - 1, axis=1)[:, :count], axis=1)
    differing, indices = np.divmod(keys, n)
    return entropy_of_neighbors(np.sqrt(2.0 * differing), indices.astype(np.int32), ArrayContext())


def category_codes(maps: NDArray, bins: int) -> NDArray:
    """Compute the bin indices of all sample pairs in every channel [n, channels, ...], as `distance_codes`."""
    count = check_bin_count(bins)
    n = len(maps)
    if n < 2:
        raise ValueError(f"maps: expected at least 2 samples, got {n}")
    upper = np.triu_indices(n, 1)
    by_channel = _as_codes(maps.reshape(n, maps.shape[1], -1))
    codes = np.zeros((maps.shape[1], len(upper[0])), np.uint8)
    for channel, row in enumerate(codes):
        differing = differing_values(by_channel[:, channel], by_channel[:, channel])[upper]
        distances = np.sqrt(2.0 * np.arange(differing.max() + 1))
        edges = np.linspace(distances[differing.min()], distances[-1], count + 1)
        if edges[0] < edges[-1]:
            row[:] = np.searchsorted(edges[1:-1], distances, side="right")[differing]
    return codes


def category_exponents(
    values: NDArray, bandwidth: Bandwidth, argument: str = "bandwidth"
) -> tuple[NDArray, ArrayContext]:
    """Compute the exponents of one variable of category numbers [n, ...], [1, n, n], as `variable_exponents`."""
    rows, context = _as_codes(values.reshape(len(values), -1)), ArrayContext()
    if len(rows) < 2:
        raise ValueError(f"x: expected at least 2 samples, got {len(rows)}")
    squares = 2.0 * differing_values(rows, rows)[None]
    exponents: NDArray = exponents_of_squares(squares, bandwidth, np.ones(1), rows.shape[1], context, argument)
    return exponents, context


def _as_codes(values: NDArray) -> NDArray:
    """Equal numbers for equal values, in the smallest type, which is compared fastest."""
    distinct, codes = np.unique(values, return_inverse=True)
    return codes.reshape(values.shape).astype(np.min_scalar_type(len(distinct)))
