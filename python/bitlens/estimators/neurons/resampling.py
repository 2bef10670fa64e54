"""Counts of neurons in resampled data: shuffled labels, random halves, and all samples but one group.

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
from bitlens.estimators.intervals import HALVES, LEAST_SAMPLES, SHUFFLES, sample_groups
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
    without_group: NDArray
    """[groups, channels, bins] of the samples without each of the groups; no groups if intervals are not asked for."""


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
    groups: list[NDArray]
    """The samples that the jackknife leaves out in turn; no groups if intervals are not asked for."""

    @classmethod
    def of(cls, labels: NDArray, classes: int, permutations: int, seed: int, intervals: bool, maps: bool) -> Resampling:
        """Draw the shuffles and the halves from separate random numbers."""
        n = len(labels)
        random, of_halves = np.random.default_rng(seed), np.random.default_rng([seed, 1])
        rows = [labels[random.permutation(n)] for _ in range(permutations)]
        halves = []
        enough = intervals and n >= LEAST_SAMPLES
        for _ in range(HALVES if enough else 0):
            samples = np.sort(of_halves.permutation(n)[: n // 2])
            chosen = labels[samples]
            each = [chosen, *(chosen[of_halves.permutation(len(chosen))] for _ in range(SHUFFLES * maps))]
            halves.append(Half(samples, _members(each, classes), np.bincount(chosen, minlength=classes)))
        sizes = np.bincount(labels, minlength=classes)
        groups = sample_groups(n, seed) if enough else []
        return cls(labels.astype(np.int64), sizes, maps, _members(rows, classes), halves, groups)

    @property
    def counted(self) -> int:
        """How many rows of counts a channel has."""
        resampled = len(self.shuffled) + sum(len(half.members) for half in self.halves) + len(self.groups)
        return len(self.class_sizes) + resampled + (len(self.labels) if resampled else 0)

    def counts(self, maps: NDArray, edges_of: Callable[[NDArray], NDArray]) -> Counts:
        """Count the values [samples, channels, values] of a block of channels in every resampling.

        `edges_of` gives the edges of the bins of some samples, which depend on their smallest and their largest value
        at most; a half may have others than all samples.
        """
        edges, classes = edges_of(maps), len(self.class_sizes)
        shape = (len(edges), classes, edges.shape[1] + 1)
        observed = np.empty(shape, np.int64)
        _core.label_counts(maps, edges, self.labels, observed)
        if not len(self.shuffled) and not self.halves:
            nothing = np.empty((0, *shape))
            return Counts(observed, nothing, nothing, nothing[None], nothing[:, :, 0])
        of_samples = _by_sample(maps, edges)
        halves = []
        for half in self.halves:
            part = np.ascontiguousarray(maps[half.samples])
            own = edges_of(part)
            same = np.array_equal(own, edges)
            halves.append(_sums(half.members, of_samples[half.samples] if same else _by_sample(part, own), classes))
        stacked = np.array(halves) if halves else np.empty((0, 1, *shape))
        without_group = self._without_group(maps, edges, of_samples, edges_of)
        return Counts(observed, _sums(self.shuffled, of_samples, classes), stacked[:, 0], stacked[:, 1:], without_group)

    def _without_group(
        self, maps: NDArray, edges: NDArray, of_samples: NDArray, edges_of: Callable[[NDArray], NDArray]
    ) -> NDArray:
        """Counts without each of the groups; few channels have other edges there, and only these are counted again."""
        counts = np.empty((len(self.groups), *of_samples.shape[1:]))
        smallest, largest, total = maps.min(axis=2), maps.max(axis=2), of_samples.sum(axis=0)
        extremes = np.array([[smallest[group].min(axis=0), largest[group].max(axis=0)] for group in self.groups])
        for number, group in enumerate(self.groups):
            counts[number] = total - of_samples[group].sum(axis=0)
            own = edges_of(np.delete(extremes, number, axis=0).swapaxes(1, 2))
            others = (own != edges).any(axis=1)
            if others.any():
                part = maps[np.ix_(np.delete(np.arange(len(maps)), group), others)]
                again = np.empty((part.shape[1], 1, own.shape[1] + 1), np.int64)
                _core.label_counts(part, own[others], np.zeros(len(part), np.int64), again)
                counts[number, others] = again[:, 0]
        return counts

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
