"""How long a task takes: the dominant operations of a measure, times what each takes on one thread of a CPU of 2023."""

from __future__ import annotations

import math

from bitlens.runs import Run

_OF_A_TASK = 0.005
"""Reading activations, and everything else that does not grow."""
_PAIR, _PRODUCT = 4e-9, 1.5e-10
"""A pair of samples, and a product of two values of it."""
_EXPONENT, _ROTATION = 1.5e-9, 1.1e-10
"""An element of a kernel, and of n^3 steps of a spectrum."""
_COUNT, _HISTOGRAM = 4e-10, 2e-7
"""A value that is counted, and the entropy of a histogram."""
_SHUFFLE = 1e-3
"""A shuffle, or a group of the jackknife, of however few channels."""
_NEIGHBOR = 3.5e-6
"""A neighbour of a sample, whose scale is solved for."""
_SORTED = 5e-8
"""A distance of which the median is found."""


def seconds_of_pairs(n: int, values: int) -> float:
    """The distances of all pairs of n samples."""
    return n**2 / 2 * (_PAIR + values * _PRODUCT)


def seconds_of_medians(n: int, channels: int) -> float:
    """The medians of the distances of n samples in each channel."""
    return channels * n**2 / 2 * _SORTED


def seconds_of_entropies(n: int, count: float) -> float:
    """Matrix-based entropies of n samples."""
    return count * n**2 / 2 * (_EXPONENT + n * _ROTATION)


def seconds_of_scales(neighbors: float) -> float:
    """The scales of samples from their neighbours, once for all and for each group of the jackknife."""
    return neighbors * _NEIGHBOR


def seconds_of_counts(count: float, histograms: float = 0) -> float:
    """Values that are counted, and the entropies of their histograms."""
    return count * _COUNT + histograms * _HISTOGRAM


def seconds_of_shuffles(count: float) -> float:
    """What shuffles, or groups of the jackknife, take however few channels there are."""
    return count * _SHUFFLE


def values_of(run: Run, layer: str) -> int:
    """The number of values that a layer has for a sample."""
    return math.prod(run.layer(layer).shape)


def seconds_of_task(operations: float) -> float:
    """A task with operations that take this number of seconds."""
    return _OF_A_TASK + operations
