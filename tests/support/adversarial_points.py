"""Samples that mislead the filter of the neighbour search."""

from __future__ import annotations

import numpy as np


def normal(n, length, scale=1.0, offset=0.0):
    return np.random.default_rng(n + length).normal(size=(n, length)) * scale + offset


def grid(n, length):
    """Points of an integer grid, some of which are repeated: most distances are tied."""
    return np.random.default_rng(1).integers(0, 3 if length < 10 else 2, (n, length)).astype(np.float64)


def near_duplicates(n, length):
    """Each point with 60 others 1e-7 away: more than the filter keeps, and closer than its resolution."""
    points = np.repeat(normal(-(-n // 61), length), 61, axis=0)[:n]
    return points + normal(n, length, scale=1e-7)


def far_apart(n, length):
    """Two groups whose inner distances are far smaller than the distance between the groups."""
    return normal(n, length, scale=1e-5) + np.where(np.arange(n) % 2, 1e3, -1e3)[:, None]


def exact_duplicates(n, length):
    return normal(max(n // 50, 1), length)[np.arange(n) % max(n // 50, 1)]


def outlier(n, length):
    """One point so far away that all others nearly coincide in the unit of the filter."""
    x = normal(n, length)
    x[n // 2] = 1e9
    return x


# name: make(n, length)
DATA = {
    "normal": normal,
    "ties": grid,
    "offset 1e6": lambda n, length: normal(n, length, offset=1e6),
    "offset -1e9, scale 1e-3": lambda n, length: normal(n, length, 1e-3, -1e9),
    "scale 1e-6": lambda n, length: normal(n, length, 1e-6),
    "scale 1e6": lambda n, length: normal(n, length, 1e6),
    "scale 1e-100": lambda n, length: normal(n, length, 1e-100),
    "scale 1e100": lambda n, length: normal(n, length, 1e100),
    "near-duplicates": near_duplicates,
    "far apart": far_apart,
    "exact duplicates": exact_duplicates,
    "outlier": outlier,
}
