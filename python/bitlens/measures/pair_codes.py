"""Distance codes of a recorded layer for any part of its samples in any order, each distance computed once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators.bins import bin_edges
from bitlens.estimators.categories import category_distances
from bitlens.estimators.channels.mutual_information import channel_mutual_information, sample_distances
from bitlens.measures.inputs import codes_of, has_categories
from bitlens.runs import Run

_CHANNELS_AT_ONCE = 128
"""Orders of a layer of few channels are counted together, because the kernel is fastest for this number of channels."""


class PairCodes:
    """The distance codes [channels, pairs] of the samples of a layer.

    Without some samples a channel has other bins only if its smallest or its largest distance is gone. The codes of all
    other channels are a part of those of all samples. In another order the same codes are those of other pairs.
    """

    def __init__(self, run: Run, layer: str, maps: NDArray, bins: int) -> None:
        self.bins = bins
        self._maps, self._categories = maps, has_categories(run, layer)
        self._codes = codes_of(run, layer, maps, bins)
        self._distances: NDArray | None = None
        self._extremes: NDArray = np.empty((0, 4), np.int64)
        self._table = pair_table(len(maps))

    @property
    def channels(self) -> int:
        """The number of channels."""
        return len(self._codes)

    def part(self, channels: NDArray) -> PairCodes:
        """The codes of some channels."""
        part = copy.copy(self)
        part._maps, part._codes, part._distances = self._maps[:, channels], self._codes[channels], None
        return part

    def of(self, kept: NDArray, orders: Sequence[NDArray] | None = None) -> NDArray:
        """The codes of some samples, which are in ascending order; with `orders` of these, [channels * orders, pairs].

        The orders of a channel follow each other.
        """
        if orders is None and len(kept) == len(self._maps):
            return self._codes
        samples = kept[np.array([np.arange(len(kept))] if orders is None else orders)]
        first, second = np.triu_indices(len(kept), 1)
        pairs = self._table[samples[:, first], samples[:, second]]
        # take returns rows in memory order, which the kernel reads without another copy.
        codes: NDArray = self._without_others(kept).take(pairs, axis=1)
        return codes.reshape(self.channels * len(samples), len(first))

    def _without_others(self, kept: NDArray) -> NDArray:
        """The codes of all pairs, of which those of the kept samples have the bins of these."""
        n = len(self._maps)
        if len(kept) == n:
            return self._codes
        distances = self._all_distances()
        present = np.zeros(n, bool)
        present[kept] = True
        changed = np.flatnonzero(~present[self._extremes].all(axis=1))
        pairs = self._table[np.ix_(kept, kept)][np.triu_indices(len(kept), 1)]
        codes = self._codes.copy()
        for channel in changed:
            row = distances[channel, pairs]
            (edges,) = bin_edges(np.array([[row.min(), row.max()]]), self.bins)
            codes[channel, pairs] = np.searchsorted(edges, row, side="right")
        return codes

    def _all_distances(self) -> NDArray:
        if self._distances is None:
            distances = category_distances(self._maps) if self._categories else sample_distances(self._maps)
            upper = np.stack(np.triu_indices(len(self._maps), 1), axis=1)
            ends = upper[distances.argmin(axis=1)], upper[distances.argmax(axis=1)]
            self._distances, self._extremes = distances, np.concatenate(ends, axis=1)
        return self._distances


def shuffled_information(a: PairCodes, b: PairCodes, kept: NDArray, orders: Sequence[NDArray]) -> Iterator[NDArray]:
    """The information of all pairs of channels [channels a, channels b] of some samples, for each order of b's.

    The order of the samples of b is shuffled, so that distances are computed once and not for every shuffle.
    """
    if not a.channels or not b.channels:
        yield from np.zeros((len(orders), a.channels, b.channels))
        return
    codes_a = a.of(kept)
    at_once = max(1, _CHANNELS_AT_ONCE // b.channels)
    for first in range(0, len(orders), at_once):
        codes_b = b.of(kept, orders[first : first + at_once])
        information = np.asarray(channel_mutual_information(codes_a, codes_b, a.bins, codes=True))
        yield from np.moveaxis(information.reshape(a.channels, b.channels, -1), 2, 0)


def pair_table(n: int) -> NDArray:
    """[i, j] -> where the pair lies among the codes, whichever of the two comes first."""
    table = np.zeros((n, n), np.int64)
    upper = np.triu_indices(n, 1)
    table[upper] = np.arange(len(upper[0]))
    return table + table.T
