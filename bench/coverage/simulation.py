"""One law of samples, and the coverage of the intervals of everything that is estimated from it."""

from __future__ import annotations

import math
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from bench.coverage.table import Cell
from bench.data import NDArray
from bitlens import SaturationWarning
from bitlens.estimators import Interval, intervals

MORE = 5
"""With this many times the number of single sets, noise decides less where a coverage is near its limit."""

Random: TypeAlias = np.random.Generator
Estimates: TypeAlias = dict[str, Interval]
"""By quantity an estimate with its interval, whose error and ends are NaN unless they are asked for."""


@dataclass(frozen=True)
class Law:
    """A law of samples, the number of samples, and what is estimated from them."""

    family: str
    """The function that estimates, as in the table."""
    title: str
    n: int
    draw: Callable[[Random, int], tuple[NDArray, ...]]
    """Draws n samples."""
    estimate: Callable[[tuple[NDArray, ...], int, bool], Estimates]
    """Estimates from the samples with this seed, and computes errors if they are asked for."""
    truth_factor: int = 1
    """Multiple of the number of samples for the truth, for estimates that take little time."""
    needs_mnist: bool = False

    @property
    def name(self) -> str:
        """The key in the file of results."""
        return f"{self.family}: {self.title}, n = {self.n}"


@dataclass(frozen=True)
class Sizes:
    """How much is simulated."""

    singles: int
    """Number of single sets of samples, each with its interval."""
    truth: int
    """Number of fresh sets of samples for the expected estimate and its standard deviation."""
    seed: int

    def settings(self) -> dict[str, int]:
        """All numbers on which results depend."""
        constants = {"groups": intervals.GROUPS, "shuffles": intervals.SHUFFLES, "halves": intervals.HALVES}
        return {"singles": self.singles, "more": MORE, "truth": self.truth, "seed": self.seed, **constants}


def seconds_of_each(law: Law, sizes: Sizes) -> tuple[float, float]:
    """The time of one set of samples without and with its interval, each after a first call."""
    random = _random(law, sizes)
    seconds = []
    for with_errors in (False, True):
        for _ in range(2):
            start = time.perf_counter()
            _estimate(law, random, 0, with_errors)
            last = time.perf_counter() - start
        seconds.append(last)
    return seconds[0], seconds[1]


def simulate(law: Law, sizes: Sizes) -> Iterator[dict[str, Any] | bool]:
    """Yield whether an interval was computed, after each set of samples, and at the end the results by quantity.

    If a coverage is near its limit, there are `MORE` times as many single sets.
    """
    random = _random(law, sizes)
    fresh, singles = [], []
    for number in range(sizes.truth * law.truth_factor):
        fresh.append(_estimate(law, random, number, with_errors=False))
        yield False
    for end in (sizes.singles, MORE * sizes.singles):
        for number in range(len(singles), end):
            singles.append(_estimate(law, random, number, with_errors=True))
            yield True
        found = {name: _coverage([row[name] for row in fresh], [row[name] for row in singles]) for name in fresh[0]}
        known = {name: coverage for name, coverage in found.items() if coverage is not None}
        if not any(Cell(law.family, law.title, law.n, name, coverage).near for name, coverage in known.items()):
            break
    yield {"singles": len(singles), "results": known}


def _random(law: Law, sizes: Sizes) -> Random:
    """Random numbers that depend on no other law."""
    return np.random.default_rng([sizes.seed, zlib.crc32(law.name.encode())])


def _estimate(law: Law, random: Random, seed: int, with_errors: bool) -> Estimates:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        return law.estimate(law.draw(random, law.n), seed, with_errors)


def _coverage(fresh: list[Interval], singles: list[Interval]) -> dict[str, float | None] | None:
    """Compare the intervals of single sets of samples with the mean and the standard deviation over fresh sets.

    Sets without an interval are left out; None if these are most.
    """
    values = np.array([row.estimate for row in fresh])
    known = np.array([row for row in singles if not math.isnan(row.standard_error)])
    if 2 * len(known) < len(singles):
        return None
    _, errors, low, high = known.T
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    # Estimates that are constant but for rounding have no deviation, and every interval covers them.
    rounding = 1e-12 * max(1.0, abs(mean))
    covered = (low - rounding <= mean) & (mean <= high + rounding)
    constant = deviation <= rounding
    return {
        "mean": mean,
        "deviation": 0.0 if constant else deviation,
        "mean_error": float(errors.mean()),
        "with_interval": len(known) / len(singles),
        "covered": float(covered.mean()),
        "too_low": float((high + rounding < mean).mean()),
        "ratio": None if constant else float(errors.mean()) / deviation,
    }
