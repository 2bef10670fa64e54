"""Pairs of chunks, and the tiles of the distances between their samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from dask.delayed import Delayed

from bitlens.arrays import ArrayContext, NDArray
from bitlens.distributed.chunks import Chunks, task
from bitlens.estimators.matrix.sample_tiles import slices, sums_of_slices, upper_tiles

CONTEXT = ArrayContext()


def mean_of(chunks: Chunks) -> Delayed:
    """The mean [values] of all samples, float64."""
    return task(_mean, [task(sums_of_slices, block, CONTEXT) for block in chunks.blocks], chunks.samples)


def _mean(sums: list[list[NDArray]], n: int) -> NDArray:
    mean: NDArray = sum(of_slice for of_chunk in sums for of_slice in of_chunk) / n  # type: ignore[assignment]
    return mean


def fold_pairs(chunks: Chunks, step: Callable[..., Any], *arguments: Any) -> list[Delayed]:
    """Call `step(before, rows, columns, *arguments)` for all pairs of chunks, with the result of the step before.

    There is one result for each chunk, which meets itself, as columns None, and every second one of the others. A step
    therefore holds two chunks, and there are no more results than chunks at the same time.
    """
    count, results = len(chunks.blocks), []
    for i, rows in enumerate(chunks.blocks):
        result = None
        for ahead in range(count // 2 + 1):
            if 2 * ahead == count and i >= ahead:
                continue  # the other chunk of this pair meets it
            j = (i + ahead) % count
            result = task(step, result, rows, chunks.blocks[j] if ahead else None, *arguments)
        results.append(result)
    return [result for result in results if result is not None]


def tiles_between(rows: NDArray, columns: NDArray | None) -> tuple[NDArray, Iterator[tuple[slice, slice]]]:
    """The samples of two chunks one after the other, and the tiles between the chunks.

    Without columns, these are the tiles on and above the diagonal of the rows.
    """
    if columns is None:
        return rows, upper_tiles(len(rows))
    values = np.concatenate([rows, columns])
    return values, ((r, c) for r in slices(len(rows)) for c in slices(len(values), len(rows)))
