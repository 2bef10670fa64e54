"""The median of the nonzero distances of chunked samples, exact, from three passes over pairs of chunks.

Two passes select squared distances, as products give them, by the 32 highest bits of their float64 numbers. The last
pass computes from differences what rounding errors cannot tell from the median.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from dask.delayed import Delayed

from bitlens.arrays import NDArray
from bitlens.distributed.chunks import Chunks, task
from bitlens.distributed.tiles import CONTEXT, fold_pairs, tiles_between
from bitlens.estimators.matrix.sample_tiles import Samples, rounding_error

_DIGIT_BITS = 16
_SHIFTS = 48, 32
"""How far the digits of the two passes are from the lowest bit."""


class _Place(NamedTuple):
    """Where a squared distance is: the highest bits of its number, and its rank among those that have these bits."""

    prefix: int
    rank: int


class _Close(NamedTuple):
    """Squared distances close to the median, from differences, and how many pairs are nearer than these."""

    below: int
    squares: NDArray
    """Ascending, each once."""
    counts: NDArray


def median_of(chunks: Chunks, mean: Delayed, largest_norm: Delayed) -> Delayed:
    """The median of the nonzero distances, in the unit of the scaled samples; 0 where all samples are equal.

    `mean` is that of all samples, and `largest_norm` the largest |x|^2 of centred ones.
    """
    middle = task(_middle, [task(_digests, block) for block in chunks.blocks])
    places = middle
    for shift in _SHIFTS:
        places = task(_narrowed, places, fold_pairs(chunks, _count, mean, places, shift))
    ends = task(_ends, places, largest_norm)
    return task(_median, fold_pairs(chunks, _look_at_close, mean, ends), middle)


def _digests(block: NDArray) -> NDArray:
    """A number for each sample, uint64; equal samples have equal ones."""
    digests = (blake2b((row + 0.0).tobytes(), digest_size=8).digest() for row in block)
    return np.frombuffer(b"".join(digests), np.uint64)


def _middle(digests: list[NDArray]) -> list[_Place]:
    """The two places in the middle of the nonzero distances; those of equal samples come first."""
    counts = np.unique(np.concatenate(digests), return_counts=True)[1]
    n, equal = int(counts.sum()), int((counts * (counts - 1) // 2).sum())
    pairs = n * (n - 1) // 2
    nonzero = pairs - equal
    return [_Place(0, min(equal + middle, pairs - 1)) for middle in ((nonzero - 1) // 2, nonzero // 2)]


def _squares(rows: NDArray, columns: NDArray | None, mean: NDArray) -> Iterator[tuple[Samples, slice, slice, NDArray]]:
    """Tiles of the squared distances of two chunks, float64; those of pairs that are not i < j are infinite."""
    values, tiles = tiles_between(rows, columns)
    samples = Samples(values, CONTEXT, mean=mean)
    for r, c in tiles:
        squares = np.abs(samples.squares(r, c, "float64"))  # -0 becomes 0
        if r == c:
            squares[np.tri(len(squares), dtype=bool)] = math.inf
        yield samples, r, c, squares


def _count(
    before: dict[int, NDArray] | None,
    rows: NDArray,
    columns: NDArray | None,
    mean: NDArray,
    places: list[_Place],
    shift: int,
) -> dict[int, NDArray]:
    """Count the next digits of the squared distances that begin with the prefix of a place."""
    counts = before or {place.prefix: np.zeros(1 << _DIGIT_BITS, np.int64) for place in places}
    counts = {prefix: of_digits.copy() for prefix, of_digits in counts.items()}  # a result of Dask must not change
    for *_, squares in _squares(rows, columns, mean):
        numbers = squares.reshape(-1).view(np.uint64) >> np.uint64(shift)
        for prefix, of_digits in counts.items():
            digits = numbers[numbers >> np.uint64(_DIGIT_BITS) == prefix] & np.uint64((1 << _DIGIT_BITS) - 1)
            of_digits += np.bincount(digits.astype(np.int64), minlength=1 << _DIGIT_BITS)
    return counts


def _narrowed(places: list[_Place], counts: list[dict[int, NDArray]]) -> list[_Place]:
    """The places with the next digit."""
    result = []
    for place in places:
        of_digits = sum(part[place.prefix] for part in counts)
        ends = np.cumsum(of_digits)
        digit = int(np.searchsorted(ends, place.rank, side="right"))
        before = int(ends[digit - 1]) if digit else 0
        result.append(_Place(place.prefix << _DIGIT_BITS | digit, place.rank - before))
    return result


def _ends(places: list[_Place], largest_norm: float) -> tuple[float, float]:
    """Bounds of the squared distances from products that could be those of the places by differences."""
    first, last = (np.array(prefix << _SHIFTS[-1], np.uint64) for prefix in (places[0].prefix, places[1].prefix + 1))
    error = 2 * rounding_error(largest_norm, "float64")
    return float(first.view(np.float64)) - error, float(last.view(np.float64)) + error


def _look_at_close(
    before: _Close | None, rows: NDArray, columns: NDArray | None, mean: NDArray, ends: tuple[float, float]
) -> _Close:
    first, last = ends
    parts = [before] if before else []
    for samples, r, c, squares in _squares(rows, columns, mean):
        i, j = np.nonzero((squares >= first) & (squares <= last) & (squares < math.inf))
        exact = samples.exact_squares(i + r.start, j + c.start)
        parts.append(_Close(int((squares < first).sum()), *np.unique(exact, return_counts=True)))
    return _together(parts)


def _together(parts: list[_Close]) -> _Close:
    squares, places = np.unique(np.concatenate([part.squares for part in parts]), return_inverse=True)
    counts = np.zeros(len(squares), np.int64)
    np.add.at(counts, places, np.concatenate([part.counts for part in parts]))
    return _Close(sum(part.below for part in parts), squares, counts)


def _median(parts: list[_Close], middle: list[_Place]) -> float:
    close = _together(parts)
    ends = close.below + np.cumsum(close.counts)
    found = (close.squares[np.searchsorted(ends, place.rank, side="right")] for place in middle)
    return sum(math.sqrt(square) for square in found) / 2
