"""Squared distances of many samples, tile by tile, and the bandwidth rules that need distances.

Tiles come from matrix products of centred samples.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from bitlens.arrays import ArrayContext, array_namespace, as_numpy, check_integer
from bitlens.estimators.channels.squares import squared_distances
from bitlens.estimators.matrix.bandwidths import Alignment, Bandwidth, Median, NearestNeighbors, sigmas
from bitlens.estimators.neighbors.nearest import nearest_neighbors

TILE = 1024
"""Samples in the rows, and in the columns, of a tile."""
_PAIRS_FOR_ONE_DRAWN = 1000  # of all pairs, to bracket the median


def slices(n: int, first: int = 0) -> Iterator[slice]:
    """Cut the samples from `first` on into runs of a tile's length."""
    for start in range(first, n, TILE):
        yield slice(start, min(start + TILE, n))


def rounding_error(largest_norm: float, dtype: str) -> float:
    """Bound the rounding errors that squared distances of centred samples usually have, from their largest |x|^2."""
    return 8 * float(np.finfo(dtype).eps) * largest_norm


def upper_tiles(n: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the tiles on and above the diagonal."""
    for rows in slices(n):
        for columns in slices(n, rows.start):
            yield rows, columns


def sums_of_slices(values: Any, context: ArrayContext) -> list[Any]:
    """The sums [d] of the samples in each slice, float64."""
    return [context.astype(values[rows], "float64").sum(0) for rows in slices(len(values))]


class Samples:
    """Samples [n, d] of one variable, float32 or float64.

    Their squared distances on and above the diagonal are kept in memory if these take at most `kept_bytes`. If they are
    a part of all samples, `mean` is that of all.
    """

    def __init__(self, values: Any, context: ArrayContext, kept_bytes: int = 0, mean: Any = None) -> None:
        self.values, self.context, self._kept_bytes = values, context, kept_bytes
        xp, n = array_namespace(values), len(values)
        self._dtype = str(values.dtype).removeprefix("torch.")
        mean = sum(sums_of_slices(values, context)) / n if mean is None else mean
        self._mean = context.astype(mean, self._dtype)
        self.norms = xp.concatenate([(self._centered(rows, "float64") ** 2).sum(1) for rows in slices(n)])
        self.all_equal = bool((values == values[:1]).all())
        self._tiles: dict[tuple[int, int, str], Any] = {}

    def _centered(self, rows: slice, dtype: str) -> Any:
        """Some samples minus the mean of all, which is subtracted in the wider of the types."""
        wide = max(dtype, self._dtype)
        block = self.context.astype(self.values[rows], wide)
        block -= self._mean
        return self.context.astype(block, dtype) if wide != dtype else block

    def squares(self, rows: slice, columns: slice, dtype: str) -> Any:
        """Compute the squared distances of a tile in a new array; those of a sample to itself are 0."""
        key, n = (rows.start, columns.start, dtype), len(self.values)
        if key in self._tiles:
            return self.context.astype(self._tiles[key], dtype)
        block = self._centered(rows, dtype)
        squares = block @ (block if columns == rows else self._centered(columns, dtype)).T
        squares *= -2
        squares += self.context.astype(self.norms[rows], dtype)[:, None]
        squares += self.context.astype(self.norms[columns], dtype)
        array_namespace(squares).clip(squares, 0, None, out=squares)
        if columns == rows:
            squares.reshape(-1)[:: len(squares) + 1] = 0
        if n**2 * np.dtype(dtype).itemsize // 2 <= self._kept_bytes:
            self._tiles[key] = self.context.astype(squares, dtype)
        return squares

    def rounding_error(self, dtype: str) -> float:
        """Bound the rounding errors that squared distances of this type usually have."""
        return rounding_error(float(self.norms.max()), dtype)

    def exact_squares(self, first: Any, second: Any) -> Any:
        """Squared distances of pairs of samples, from differences in float64."""
        result = self.context.empty((len(first),), "float64")
        for pairs in slices(len(first)):
            differences = self.context.astype(self.values[first[pairs]], "float64")
            differences -= self.values[second[pairs]]
            result[pairs] = (differences**2).sum(1)
        return result

    def median(self) -> float:
        """The median of the nonzero distances, exact, from one pass over tiles.

        A sample of all pairs brackets the median. The pass counts the pairs below the bracket and collects those
        within. The ones that rounding errors cannot tell from the median are computed again from differences.
        """
        n = len(self.values)
        host = as_numpy(self.values)
        equal = sum(count * (count - 1) // 2 for count in Counter(hash((row + 0.0).tobytes()) for row in host).values())
        nonzero = n * (n - 1) // 2 - equal
        if not nonzero:
            return 1.0
        random = np.random.default_rng(0)
        drawn = random.integers(n, size=(2, max(n * (n - 1) // 2 // _PAIRS_FOR_ONE_DRAWN, 1000)))
        sampled = self.exact_squares(*map(self.context.to_device, drawn[:, drawn[0] != drawn[1]]))
        sampled = np.sort(as_numpy(sampled))
        ranks = equal + (nonzero - 1) // 2, equal + nonzero // 2
        place, spread = ranks[0] / (n * (n - 1) // 2) * len(sampled), 3 * math.sqrt(len(sampled))
        while True:
            low = float(sampled[int(place - spread)]) if place > spread else 0.0
            high = float(sampled[int(place + spread)]) if place + spread < len(sampled) else math.inf
            squares = self._order_statistics(low, high, ranks)
            if squares is not None:
                return sum(math.sqrt(square) for square in squares) / 2
            spread *= 4

    def _order_statistics(self, low: float, high: float, ranks: tuple[int, int]) -> list[float] | None:
        """The squared distances of two ranks among all pairs i < j; None unless both are well within low and high."""
        n = len(self.values)
        dtype = "float32" if self.rounding_error("float32") < 1e-4 * low else "float64"
        error = self.rounding_error(dtype)
        below, values, places = 0, [], []
        for rows, columns in upper_tiles(n):
            squares = self.squares(rows, columns, dtype)
            if rows == columns:  # the pairs i < j alone
                squares[self.context.to_device(np.tri(len(squares), dtype=bool))] = math.inf
            flat = squares.reshape(-1)
            below += int((flat < low).sum())
            (inside,) = array_namespace(flat).where((flat >= low) & (flat <= high))
            finite = inside[flat[inside] < math.inf]
            values.append(flat[finite])
            width = squares.shape[1]
            places.append((finite // width + rows.start) * n + finite % width + columns.start)
        value, place = (array_namespace(values[0]).concatenate(parts) for parts in (values, places))
        if below > ranks[0] or below + len(value) <= ranks[1]:
            return None
        host = as_numpy(value)
        ends = np.partition(host, [rank - below for rank in ranks])[[rank - below for rank in ranks]]
        if (low > 0 and ends[0] - low <= 2 * error) or high - ends[1] <= 2 * error:
            return None
        first, last = float(ends[0]) - 2 * error, float(ends[1]) + 2 * error
        below += int((value < first).sum())
        close = place[(value >= first) & (value <= last)]
        exact = self.exact_squares(close // n, close % n)
        exact = np.sort(as_numpy(exact))
        return [float(exact[rank - below]) for rank in ranks]


def sigma_of(samples: Samples, bandwidth: Bandwidth, unit: float) -> float:
    """Compute sigma of the samples, which are not all equal, in their unit."""
    values, context = samples.values, samples.context
    n, length = values.shape
    if isinstance(bandwidth, Median):
        return samples.median()
    if isinstance(bandwidth, NearestNeighbors):
        m = check_integer(bandwidth.m, "bandwidth: m")
        if not 1 <= m < n:
            raise ValueError(f"bandwidth: expected m from 1 to n - 1 = {n - 1} for {n} samples, got {m}")
        mean = float(nearest_neighbors(values, m)[0].mean())
        return mean if mean > 0 else samples.median()
    if isinstance(bandwidth, Alignment):
        squares = squared_distances(values[:, None], context)
    else:
        return sigma_of_shape(bandwidth, n, length, unit, context)
    return float(sigmas(bandwidth, squares, unit, length, context)[0])


def sigma_of_shape(bandwidth: Bandwidth, n: int, length: int, unit: float, context: ArrayContext) -> float:
    """Compute sigma by a rule that needs the shape [n, length] of the samples alone, or check a given sigma."""
    zero = context.empty((1,), "float64")
    zero[...] = 0
    squares = array_namespace(zero).broadcast_to(zero, (1, n, n))
    return float(sigmas(bandwidth, squares, unit, length, context)[0])
