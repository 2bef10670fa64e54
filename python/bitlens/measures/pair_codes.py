"""Distance codes of a recorded layer for any part of its samples, each distance computed once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators.bins import bin_edges
from bitlens.estimators.categories import category_distances
from bitlens.estimators.channels.mutual_information import channel_mutual_information, sample_distances
from bitlens.measures.inputs import codes_of, has_categories
from bitlens.runs import Run


class PairCodes:
    """The distance codes [channels, pairs] of the samples of a layer.

    Without some samples a channel has other bins only if its smallest or its largest distance is gone. The codes of all
    other channels are a part of those of all samples.
    """

    def __init__(self, run: Run, layer: str, maps: NDArray, bins: int) -> None:
        self._maps, self._bins = maps, bins
        self._categories = has_categories(run, layer)
        self._codes = codes_of(run, layer, maps, bins)
        self._distances: NDArray | None = None
        self._extremes: NDArray = np.empty((0, 4), np.int64)
        self._kept: NDArray = np.arange(len(maps))
        self._of_kept = self._codes

    def of(self, kept: NDArray) -> NDArray:
        """The codes of some samples, which are in ascending order. Those of the last call are remembered."""
        if not np.array_equal(kept, self._kept):
            self._kept, self._of_kept = kept, self._without_others(kept)
        return self._of_kept

    def _without_others(self, kept: NDArray) -> NDArray:
        n = len(self._maps)
        if len(kept) == n:
            return self._codes
        distances = self._all_distances()
        pairs = pair_table(n)[np.ix_(kept, kept)][np.triu_indices(len(kept), 1)]
        codes: NDArray = self._codes.take(pairs, axis=1)
        present = np.zeros(n, bool)
        present[kept] = True
        for channel in np.flatnonzero(~present[self._extremes].all(axis=1)):
            row = distances[channel, pairs]
            (edges,) = bin_edges(np.array([[row.min(), row.max()]]), self._bins)
            codes[channel] = np.searchsorted(edges, row, side="right")
        return codes

    def _all_distances(self) -> NDArray:
        if self._distances is None:
            distances = category_distances(self._maps) if self._categories else sample_distances(self._maps)
            upper = np.stack(np.triu_indices(len(self._maps), 1), axis=1)
            ends = upper[distances.argmin(axis=1)], upper[distances.argmax(axis=1)]
            self._distances, self._extremes = distances, np.concatenate(ends, axis=1)
        return self._distances


def shuffled_information(a: PairCodes, b: PairCodes, bins: int) -> Callable[[NDArray, NDArray], NDArray]:
    """A statistic for `permutation_test`: the information of all pairs of channels for samples and an order of them.

    The order of the samples of b is shuffled, so that distances are computed once and not for every shuffle.
    """

    def information(kept: NDArray, shuffled: NDArray) -> NDArray:
        upper, order = np.triu_indices(len(kept), 1), np.searchsorted(kept, shuffled)
        # take returns rows in memory order, which the kernel reads without another copy.
        codes_b = b.of(kept).take(pair_table(len(kept))[np.ix_(order, order)][upper], axis=1)
        return np.asarray(channel_mutual_information(a.of(kept), codes_b, bins, codes=True))

    return information


def pair_table(n: int) -> NDArray:
    """[i, j] -> where the pair lies among the codes, whichever of the two comes first."""
    table = np.zeros((n, n), np.int64)
    upper = np.triu_indices(n, 1)
    table[upper] = np.arange(len(upper[0]))
    return table + table.T
