"""Counts of neurons in resampled data: shuffled labels, random halves of the samples, and the bins of random quarters.

The values of a neuron are counted once, for each sample. The counts of every resampling are sums of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bitlens import _core
from bitlens.arrays import NDArray
from bitlens.estimators.contingency import expected_information
from bitlens.estimators.intervals import HALVES, LEAST_SAMPLES, SHUFFLES
from bitlens.estimators.permutation import p_value_of


class Counts(NamedTuple):
    """Counts of a block of channels, each with the axes [..., channels, classes, bins]."""

    observed: NDArray
    """[channels, classes, bins]."""
    shuffled: NDArray
    """[permutations, channels, classes, bins]."""
    halves: NDArray
    """[halves, channels, classes, bins]; no halves if intervals are not asked for."""
    shuffled_halves: NDArray
    """[halves, shuffles, channels, classes, bins]; no shuffles if the null mean has a closed form."""
    halves_in_bins_of_all: NDArray
    """[halves, channels, bins]: the values of each half in the bins of all samples, of all classes together."""
    all_in_bins_of_quarters: NDArray
    """[quarters, channels, bins]: the values of all samples in the bins of each quarter, of all classes together."""


class Half(NamedTuple):
    """A random half of the samples."""

    samples: NDArray
    members: NDArray
    """Whether a sample counts for a class, float64 [(1 + shuffles) x classes, samples of the half]."""
    class_sizes: NDArray


@dataclass(frozen=True)
class Resampling:
    """The classes of the samples in all resamplings."""

    labels: NDArray
    class_sizes: NDArray
    maps: bool
    """Whether a sample has several values. Chance has no closed form then."""
    shuffled: NDArray
    """Whether a sample counts for a class, float64 [permutations x classes, samples]."""
    halves: list[Half]
    quarters: list[NDArray]
    """The samples of random quarters; as many as halves."""

    @classmethod
    def of(cls, labels: NDArray, classes: int, permutations: int, seed: int, intervals: bool, maps: bool) -> Resampling:
        """Draw the shuffles, the halves and the quarters from separate random numbers."""
        n = len(labels)
        random, of_halves, of_quarters = (np.random.default_rng(key) for key in (seed, [seed, 1], [seed, 2]))
        rows = [labels[random.permutation(n)] for _ in range(permutations)]
        halves = []
        enough = intervals and n >= LEAST_SAMPLES
        for _ in range(HALVES if enough else 0):
            samples = np.sort(of_halves.permutation(n)[: n // 2])
            chosen = labels[samples]
            each = [chosen, *(chosen[of_halves.permutation(len(chosen))] for _ in range(SHUFFLES * maps))]
            halves.append(Half(samples, _members(each, classes), np.bincount(chosen, minlength=classes)))
        sizes = np.bincount(labels, minlength=classes)
        quarters = [np.sort(of_quarters.permutation(n)[: n // 4]) for _ in halves]
        return cls(labels.astype(np.int64), sizes, maps, _members(rows, classes), halves, quarters)

    @property
    def counted(self) -> int:
        """How many rows of counts a channel has."""
        resampled = len(self.shuffled) + sum(len(half.members) + 2 for half in self.halves)
        return len(self.class_sizes) + resampled + (len(self.labels) if resampled else 0)

    def counts(self, maps: NDArray, edges_of: Callable[[NDArray], NDArray]) -> Counts:
        """Count the values [samples, channels, values] of a block of channels in every resampling.

        `edges_of` gives the edges of the bins of some samples; a half or a quarter may have others than all samples.
        """
        edges, classes = edges_of(maps), len(self.class_sizes)
        shape = (len(edges), classes, edges.shape[1] + 1)
        observed = np.empty(shape, np.int64)
        _core.label_counts(maps, edges, self.labels, observed)
        if not len(self.shuffled) and not self.halves:
            nothing = np.empty((0, *shape))
            return Counts(observed, nothing, nothing, nothing[None], nothing[:, :, 0], nothing[:, :, 0])
        of_samples = _by_sample(maps, edges)
        halves = []
        for half in self.halves:
            part = np.ascontiguousarray(maps[half.samples])
            own = edges_of(part)
            same = np.array_equal(own, edges)
            halves.append(_sums(half.members, of_samples[half.samples] if same else _by_sample(part, own), classes))
        stacked = np.array(halves) if halves else np.empty((0, 1, *shape))
        in_bins_of_all = np.array([of_samples[half.samples].sum(axis=0) for half in self.halves])
        in_bins_of_quarters = np.array([_recounted(maps, edges, edges_of(maps[q]), observed) for q in self.quarters])
        shuffled = _sums(self.shuffled, of_samples, classes)
        return Counts(observed, shuffled, stacked[:, 0], stacked[:, 1:], in_bins_of_all, in_bins_of_quarters)

    def expected(self, counts: NDArray, null: NDArray, class_sizes: NDArray | None = None) -> NDArray:
        """The mean information by chance: in closed form for single values, of the null values [shuffles, ...] else."""
        sizes = self.class_sizes if class_sizes is None else class_sizes
        if not self.maps:
            return expected_information(sizes, counts.sum(axis=-2).astype(np.int64))
        return np.asarray(by_channel(null).mean(axis=1)) if len(null) else np.full(len(counts), math.nan)


def _members(rows: list[NDArray], classes: int) -> NDArray:
    """Whether each sample is of each class, float64 [rows x classes, samples]."""
    if not rows:
        return np.empty((0, 0))
    onehot = np.array(rows)[:, None] == np.arange(classes)[:, None]
    return np.asarray(onehot.reshape(len(rows) * classes, -1), np.float64)


def _by_sample(maps: NDArray, edges: NDArray) -> NDArray:
    """Counts of each sample, float64 [samples, channels, bins]."""
    counts = np.empty((len(edges), len(maps), edges.shape[1] + 1), np.int64)
    _core.label_counts(maps, edges, np.arange(len(maps)), counts)
    return counts.swapaxes(0, 1).astype(np.float64, order="C")


def _recounted(maps: NDArray, edges: NDArray, others: NDArray, observed: NDArray) -> NDArray:
    """Counts [channels, bins] of all values between other edges; only channels whose edges differ are counted again."""
    counts: NDArray = observed.sum(axis=1)
    differ = (others != edges).any(axis=1)
    if differ.any():
        again = np.empty((int(differ.sum()), 1, counts.shape[1]), np.int64)
        _core.label_counts(np.ascontiguousarray(maps[:, differ]), others[differ], np.zeros(len(maps), np.int64), again)
        counts[differ] = again[:, 0]
    return counts


def _sums(members: NDArray, of_samples: NDArray, classes: int) -> NDArray:
    """Counts of each class in each resampling, [resamplings, channels, classes, bins].

    Sums of integers below 2^53 are exact in float64, in any order.
    """
    n, channels, bins = of_samples.shape
    if not len(members):
        return np.empty((0, channels, classes, bins))
    sums = members @ of_samples.reshape(n, -1)
    return np.ascontiguousarray(sums.reshape(-1, classes, channels, bins).swapaxes(1, 2))


def by_channel(values: NDArray | list[NDArray]) -> NDArray:
    """Values [resamplings, channels] with a row for each channel, whose sums are rounded alike for one and for many."""
    return np.ascontiguousarray(np.transpose(values))


def spread_and_p_value(information: NDArray, null: NDArray) -> tuple[NDArray, NDArray]:
    """Standard deviation of the null values [permutations, channels] and the p-values; NaN without permutations."""
    if not len(null):
        unknown = np.full(len(information), math.nan)
        return unknown, unknown
    return by_channel(null).std(axis=1, ddof=1), p_value_of(information, null)
