"""Counts of neurons in resampled data: shuffled labels, and random halves of the samples.

The values of a neuron are counted once, for each sample. The counts of every resampling are sums of these.
"""

from __future__ import annotations

import math
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


@dataclass(frozen=True)
class Resampling:
    """The labels of all resamplings, and the number of samples of each class in them."""

    labels: NDArray
    classes: int
    maps: bool
    """Whether a sample has several values. Chance has no closed form then."""
    permutations: int
    members: NDArray
    """Whether a sample counts for a class, float64 [resamplings x classes, samples]; empty without resamplings."""
    class_sizes: NDArray
    half_sizes: NDArray
    """Number of samples of each class in each half, [halves, classes]."""

    @classmethod
    def of(cls, labels: NDArray, classes: int, permutations: int, seed: int, intervals: bool, maps: bool) -> Resampling:
        """Draw the shuffles and the halves."""
        n, random = len(labels), np.random.default_rng(seed)
        rows = [labels[random.permutation(n)] for _ in range(permutations)]
        halves = []
        for _ in range(HALVES if intervals and n >= LEAST_SAMPLES else 0):
            half = np.sort(random.permutation(n)[: n // 2])
            of_half = [labels[half], *(labels[half][random.permutation(len(half))] for _ in range(SHUFFLES * maps))]
            for members in of_half:
                halves.append(np.full(n, -1))
                halves[-1][half] = members
        resamplings = [labels, *rows, *halves]
        needed = permutations > 0 or halves
        onehot = np.arange(classes)[:, None] == np.array(resamplings)[:, None] if needed else np.zeros((0, classes, n))
        each = 1 + SHUFFLES * maps
        sizes = np.array([np.bincount(row[row >= 0], minlength=classes) for row in halves[::each]], np.int64)
        return cls(
            labels.astype(np.int64),
            classes,
            maps,
            permutations,
            onehot.reshape(-1, n).astype(np.float64),
            np.bincount(labels, minlength=classes),
            sizes.reshape(-1, classes),
        )

    @property
    def counted(self) -> int:
        """How many rows of counts a channel has."""
        return len(self.members) + len(self.labels) if len(self.members) else self.classes

    def counts(self, maps: NDArray, edges: NDArray) -> Counts:
        """Count the values [samples, channels, values] of a block of channels in every resampling."""
        channels, bins = len(edges), edges.shape[1] + 1
        shape = (channels, self.classes, bins)
        if not len(self.members):
            observed = np.empty(shape, np.int64)
            _core.label_counts(maps, edges, self.labels, observed)
            nothing = np.empty((0, *shape))
            return Counts(observed, nothing, nothing, nothing[None])
        n = len(self.labels)
        of_samples = np.empty((channels, n, bins), np.int64)
        _core.label_counts(maps, edges, np.arange(n), of_samples)
        # Sums of integers below 2^53 are exact in float64, in any order.
        sums = self.members @ of_samples.astype(np.float64)
        by_resampling = sums.reshape(channels, -1, self.classes, bins).swapaxes(0, 1)
        halves = by_resampling[1 + self.permutations :]
        halves = halves.reshape(-1, 1 + SHUFFLES * self.maps, *shape)
        return Counts(by_resampling[0], by_resampling[1 : 1 + self.permutations], halves[:, 0], halves[:, 1:])

    def expected(self, counts: NDArray, null: NDArray, class_sizes: NDArray | None = None) -> NDArray:
        """The mean information by chance: in closed form for single values, of the null values [shuffles, ...] else."""
        sizes = self.class_sizes if class_sizes is None else class_sizes
        if not self.maps:
            return expected_information(sizes, counts.sum(axis=-2).astype(np.int64))
        return np.asarray(null.mean(axis=0)) if len(null) else np.full(len(counts), math.nan)


def spread_and_p_value(information: NDArray, null: NDArray) -> tuple[NDArray, NDArray]:
    """Standard deviation of the null values [permutations, channels] and the p-values; NaN without permutations."""
    if not len(null):
        unknown = np.full(len(information), math.nan)
        return unknown, unknown
    return null.std(axis=0, ddof=1), p_value_of(information, null)
