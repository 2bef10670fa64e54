"""Which pairs of channels of two layers are measured, and how long that takes."""

from __future__ import annotations

import math

import numpy as np

from bitlens.arrays import NDArray
from bitlens.runs import Run, RunError
from bitlens.runs.result_header import MAX_FILE_BYTES
from bitlens.runtime import get_num_threads

MOST_PAIRS = MAX_FILE_BYTES // 80
"""The results of a pair take 73 bytes."""

SUGGESTED_PAIRS = 2**16

_COUNTS_PER_SECOND, _COUNTS_OF_A_CELL = 6e9, 16
"""The speed of one thread, and the number of counts that take as long as a cell of the joint histogram."""


def number_of_pairs(run: Run, target: tuple[str, ...]) -> int:
    """The number of all pairs of channels of two layers."""
    return math.prod(run.layer(name).channels for name in target)


def require_storable(run: Run, target: tuple[str, ...], pairs: int | None) -> None:
    """Raise RunError where the results of this number of pairs cannot be stored."""
    count = number_of_pairs(run, target)
    if min(count, pairs or count) > MOST_PAIRS:
        raise RunError(
            f"pairs: expected at most {MOST_PAIRS}, because results of more cannot be stored, got {pairs or 'all'} of "
            f"the {count} pairs of channels of {' and '.join(target)}; pass pairs={SUGGESTED_PAIRS}, drawn at random"
        )


def drawn_channels(run: Run, target: tuple[str, ...], pairs: int | None, seed: int) -> list[NDArray]:
    """The channels of each layer, in ascending order, that have at most this number of pairs; all for None.

    About equal numbers of both are drawn at random. The draws are independent, so that every pair of channels is drawn
    with the same probability.
    """
    a, b = (run.layer(name).channels for name in target)
    if pairs is None:
        return [np.arange(a), np.arange(b)]
    of_a = min(a, max(math.isqrt(pairs), pairs // b))
    of_b = min(b, pairs // of_a)
    random = np.random.default_rng(seed)
    return [np.sort(random.choice(count, drawn, replace=False)) for count, drawn in ((a, of_a), (b, of_b))]


def seconds_of_pair_counts(pairs: float, samples: int, bins: int, permutations: int) -> float:
    """How long counting pairs of channels takes on one thread, without standard errors."""
    return pairs * (permutations + 1) * (samples**2 / 2 + _COUNTS_OF_A_CELL * bins**2) / _COUNTS_PER_SECOND


def time_announcement(pairs: int, samples: int, bins: int, permutations: int, epochs: int) -> str | None:
    """A sentence on the time that pairs of channels take, without standard errors; None below a minute."""
    minutes, fewer = (
        epochs * seconds_of_pair_counts(count, samples, bins, permutations) / (60 * get_num_threads())
        for count in (pairs, SUGGESTED_PAIRS)
    )
    if minutes < 1:
        return None
    sentence = (
        f"{pairs} pairs of channels take about {minutes:.0f} min (epochs: {epochs}, threads: {get_num_threads()})"
    )
    return (
        f"{sentence}; pairs={SUGGESTED_PAIRS} takes about {fewer:.1f} min" if pairs > 2 * SUGGESTED_PAIRS else sentence
    )
