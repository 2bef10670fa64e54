"""Nearest neighbours and inter-sample entropy of chunked samples: a task for each pair of chunks, merged exactly."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array
import numpy as np
from dask.delayed import Delayed

from bitlens.arrays import ArrayContext, NDArray, check_neighbor_count
from bitlens.distributed.chunks import Chunks, Scale, as_chunks, task
from bitlens.estimators.neighbors.diversity import (
    edge_sums,
    entropy_of_sums,
    last_neighbors,
    neighbor_scales,
    warn_of_samples,
    without_scale,
)
from bitlens.estimators.neighbors.nearest import in_unit
from bitlens.estimators.neighbors.projection import choose_projection
from bitlens.estimators.neighbors.scan import scan_squared

_CONTEXT = ArrayContext()


class Nearest(NamedTuple):
    """The nearest neighbours of the samples of a chunk among some of the others, by (squared distance, index)."""

    squared: NDArray
    """Float64 [samples, k], or fewer columns where there are fewer others; in the unit of the scaled samples."""
    indices: NDArray
    """Int32, of the same shape."""
    ties: NDArray
    """Bool [samples]: whether another sample than these is as far as the last one."""

    @property
    def distances(self) -> NDArray:
        """The distances, in the unit of the scaled samples."""
        distances: NDArray = np.sqrt(self.squared)
        return distances


class _Described(NamedTuple):
    """What all samples have to know about the neighbours of the samples of a chunk."""

    scales: NDArray
    last_distances: NDArray
    last_indices: NDArray
    coinciding: int
    """The number of samples that coincide with log2(k) neighbours or more."""
    tied: int


def nearest_neighbors(x: dask.array.Array, k: int) -> tuple[dask.array.Array, dask.array.Array]:
    """Find the exact k nearest other samples of every sample of a chunked array.

    The result is that of `bitlens.nearest_neighbors`, bit for bit. A task searches the neighbours of one chunk in
    another one and merges them with those that earlier tasks found, so that it holds two chunks and k neighbours of
    each sample. There are as many tasks as pairs of chunks, and as many at the same time as chunks.

    Parameters
    ----------
    x : dask array of shape (n, ...)
        Samples along the first axis, in chunks of any sizes; the other axes are flattened.
    k : int
        Number of neighbours, 1 to n - 1.

    Returns
    -------
    distances : float64 dask array of shape (n, k)
        Euclidean distances in the unit of x, ascending; one chunk for each chunk of x that is not empty.
    indices : int64 dask array of shape (n, k)
        The indices of the neighbours, 0 to n - 1, in the same chunks.

    Raises
    ------
    TypeError, ValueError
        As in `bitlens.nearest_neighbors`. What depends on values is raised when the result is computed.

    Examples
    --------
    >>> import dask.array
    >>> import numpy as np
    >>> from bitlens.distributed import nearest_neighbors
    >>> x = dask.array.from_array(np.array([[0.0], [1.0], [3.0]]), chunks=(2, 1))
    >>> distances, indices = nearest_neighbors(x, k=1)
    >>> distances.compute()[:, 0], indices.compute()[:, 0]
    (array([1., 1., 2.]), array([1, 0, 1]))
    """
    chunks = as_chunks(x, at_least=2)
    count = check_neighbor_count(k, chunks.samples, at_least=1)
    found = search(chunks, count)
    results = [task(_in_unit_of_x, nearest, chunks.scale) for nearest in found]
    distances, indices = (
        dask.array.concatenate(
            [
                dask.array.from_delayed(pair[i], (size, count), dtype)
                for pair, size in zip(results, chunks.sizes, strict=True)
            ]
        )
        for i, dtype in enumerate((np.float64, np.int64))
    )
    return distances, indices


def inter_sample_entropy(x: dask.array.Array, k: int = 15) -> float:
    """Compute the inter-sample entropy in bits of a chunked array: how diverse the samples are in their space.

    The result is that of `bitlens.inter_sample_entropy` for float64 samples, bit for bit, and so are its warnings. For
    float32 samples that function takes most distances from products in float32, which saves up to nine tenths of its
    time; the result here has exact distances and differs by less than 1e-6 bits. Neighbours are found as
    in `nearest_neighbors`. A task then holds the neighbours of one chunk, and 20 bytes for each sample of all chunks:
    its scale and its last neighbour.

    Parameters
    ----------
    x : dask array of shape (n, ...)
        Samples along the first axis, in chunks of any sizes; the other axes are flattened.
    k : int
        Number of neighbours, 2 to n - 1.

    Returns
    -------
    float
        Bits, from 0 to log2 min(2 n k, n (n - 1)).

    Raises
    ------
    TypeError, ValueError
        As in `bitlens.inter_sample_entropy`.

    Warns
    -----
    NeighborWarning
        As `bitlens.inter_sample_entropy` does.

    Examples
    --------
    >>> import dask.array
    >>> import numpy as np
    >>> from bitlens.distributed import inter_sample_entropy
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    >>> round(inter_sample_entropy(dask.array.from_array(square, chunks=(3, 2)), k=2), 12)
    3.0
    """
    chunks = as_chunks(x, at_least=3)
    count = check_neighbor_count(k, chunks.samples, at_least=2)
    found = search(chunks, count)
    described = task(_joined, [task(_described, nearest) for nearest in found])
    sums = [task(_edge_sums, *operands, described) for operands in zip(found, chunks.starts, strict=True)]
    entropy, coinciding, tied = task(_result, sums, described).compute()
    warn_of_samples(chunks.samples, count, coinciding, tied)
    return float(entropy)


def search(chunks: Chunks, k: int) -> list[Delayed]:
    """The `Nearest` of each chunk. Its tasks begin with the chunk itself, so that not all need the same chunk."""
    count, starts, found = len(chunks.blocks), chunks.starts, []
    for i, rows in enumerate(chunks.blocks):
        nearest = None
        for j in (*range(i, count), *range(i)):
            columns = None if i == j else chunks.blocks[j]
            nearest = task(_nearest_of_pair, nearest, rows, columns, starts[j], k, chunks.scale)
        found.append(nearest)
    return found


def _nearest_of_pair(
    before: Nearest | None, rows: NDArray, columns: NDArray | None, first: int, k: int, scale: Scale
) -> Nearest | None:
    """The k nearest of those found before and of the columns, whose first index is `first`.

    Without columns, the other rows are searched. None where there is no other sample yet.
    """
    count = min(k, len(rows) - 1 if columns is None else len(columns))
    if not count:
        return before
    projection = choose_projection(rows, columns, _CONTEXT, count)
    found = scan_squared(rows, columns, _CONTEXT, scale.width, count, projection, 1.0)
    after = Nearest(found.distances, found.indices + np.int32(first), found.ties > 0)
    return after if before is None else _merged(before, after, k)


def _merged(a: Nearest, b: Nearest, k: int) -> Nearest:
    squared, indices = (np.concatenate(pair, axis=1) for pair in ((a.squared, b.squared), (a.indices, b.indices)))
    order = np.lexsort((indices, squared), axis=1)
    squared, indices = (np.take_along_axis(values, order, axis=1) for values in (squared, indices))
    last = squared[:, :k][:, -1]
    tied = (squared[:, k:] == last[:, None]).any(axis=1)
    for part in (a, b):
        tied |= part.ties & (part.squared[:, -1] == last)
    return Nearest(squared[:, :k], indices[:, :k], tied)


def _in_unit_of_x(nearest: Nearest, scale: Scale) -> tuple[NDArray, NDArray]:
    return in_unit(nearest.distances, scale.unit), nearest.indices.astype(np.int64)


def _described(nearest: Nearest) -> _Described:
    distances = nearest.distances
    last = last_neighbors(distances, nearest.indices, _CONTEXT)
    return _Described(
        neighbor_scales(distances, _CONTEXT), *last, int(without_scale(distances)), int(nearest.ties.sum())
    )


def _joined(parts: list[_Described]) -> _Described:
    return _Described(
        np.concatenate([part.scales for part in parts]),
        np.concatenate([part.last_distances for part in parts]),
        np.concatenate([part.last_indices for part in parts]),
        sum(part.coinciding for part in parts),
        sum(part.tied for part in parts),
    )


def _edge_sums(nearest: Nearest, first: int, described: _Described) -> Any:
    vectors = described.scales, described.last_distances, described.last_indices
    return edge_sums(nearest.distances, nearest.indices, first, *vectors, _CONTEXT)


def _result(sums: list[NDArray], described: _Described) -> tuple[float, int, int]:
    return entropy_of_sums(np.concatenate(sums), _CONTEXT), described.coinciding, described.tied
