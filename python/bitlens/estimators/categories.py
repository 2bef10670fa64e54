"""Estimators for values that are numbers of categories, such as token ids: only their equality counts.

The squared distance of two samples is that of their one-hot codes: twice the number of values in which they differ. It
is computed from comparisons, so that its memory does not grow with the number of categories, and it does not depend on
how the categories are numbered.
"""

from __future__ import annotations

import numpy as np

from bitlens.arrays import ArrayContext, NDArray, check_bin_count, check_neighbor_count
from bitlens.estimators.matrix.bandwidths import Bandwidth, exponents_of_squares
from bitlens.estimators.neighbors.diversity import (
    InterSampleDiversity,
    diversity_neighbors,
    diversity_of_neighbors,
    entropy_of_neighbors,
    entropy_with_warnings,
)
from bitlens.estimators.neighbors.scan import Neighbors

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
    neighbors = _nearest(*_checked_rows(values, k))
    return entropy_with_warnings(neighbors, ArrayContext())


def full_category_diversity(values: NDArray, k: int, *, seed: int, intervals: bool) -> InterSampleDiversity:
    """Compute what ``inter_sample_entropy(..., full_output=True)`` does for samples [n, ...] of category numbers."""
    rows, count = _checked_rows(values, k)
    _, groups = np.unique(rows, axis=0, return_inverse=True)

    def shuffled(random: np.random.Generator) -> float:
        found = _nearest(random.permuted(rows, axis=0), count)
        return entropy_of_neighbors(found.distances, found.indices, ArrayContext())

    nearly_all = _nearest(rows, diversity_neighbors(len(rows)))
    return diversity_of_neighbors(
        _nearest(rows, count), nearly_all, groups.reshape(-1), shuffled, ArrayContext(), seed=seed, intervals=intervals
    )


def _checked_rows(values: NDArray, k: int) -> tuple[NDArray, int]:
    rows = _as_codes(values.reshape(len(values), -1))
    if len(rows) < 3:
        raise ValueError(f"x: expected at least 3 samples, got {len(rows)}")
    return rows, check_neighbor_count(k, len(rows), at_least=2)


def _nearest(rows: NDArray, k: int) -> Neighbors:
    """The k nearest neighbours; one more is looked for, because of ties."""
    n = len(rows)
    wanted = min(k + 1, n - 1)
    keys = np.empty((n, wanted), np.int64)  # ordered as the pairs (distance, index)
    step = max(1, _BLOCK_BYTES // (8 * n))
    for first in range(0, n, step):
        of_block = differing_values(rows[first : first + step], rows) * n + np.arange(n)
        of_block[np.arange(len(of_block)), np.arange(first, first + len(of_block))] = np.iinfo(np.int64).max
        keys[first : first + step] = np.sort(np.partition(of_block, wanted - 1, axis=1)[:, :wanted], axis=1)
    differing, indices = np.divmod(keys, n)
    ties = differing[:, k - 1] == differing[:, k] if wanted > k else np.zeros(n, bool)
    distances = np.ascontiguousarray(np.sqrt(2.0 * differing[:, :k]))
    return Neighbors(distances, np.ascontiguousarray(indices[:, :k], np.int32), ties.astype(np.uint8), 1.0)


def category_distances(maps: NDArray) -> NDArray:
    """Compute the distances of all sample pairs in every channel [n, channels, ...], float64 [channels, pairs]."""
    n = len(maps)
    if n < 2:
        raise ValueError(f"maps: expected at least 2 samples, got {n}")
    upper = np.triu_indices(n, 1)
    by_channel = _as_codes(maps.reshape(n, maps.shape[1], -1))
    distances = np.empty((maps.shape[1], len(upper[0])))
    for channel, row in enumerate(distances):
        row[:] = np.sqrt(2.0 * differing_values(by_channel[:, channel], by_channel[:, channel])[upper])
    return distances


def category_codes(maps: NDArray, bins: int) -> NDArray:
    """Compute the bin indices of all sample pairs in every channel [n, channels, ...], as `distance_codes`."""
    count = check_bin_count(bins)
    distances = category_distances(maps)
    codes: NDArray = np.zeros(distances.shape, np.uint8)
    for row, of_channel in zip(codes, distances, strict=True):
        edges = np.linspace(of_channel.min(), of_channel.max(), count + 1)
        if edges[0] < edges[-1]:
            row[:] = np.searchsorted(edges[1:-1], of_channel, side="right")
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
