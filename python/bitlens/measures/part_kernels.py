"""Kernels of a layer for parts of a mini-batch, such as those of the jackknife, from distances computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bitlens.arrays import NDArray
from bitlens.estimators import Median
from bitlens.estimators.channels.squares import ChannelSquares
from bitlens.estimators.matrix.bandwidths import Bandwidth, exponents_of_squares
from bitlens.estimators.matrix.gram import joint_of_channels

_LEAST_SQUARE, _LARGEST_SQUARE = 2.0**-400, 2.0**400
"""Squares of sigma for which no exponent can overflow. `exponents_of_squares` decides about others."""


def joint_exponents(
    squares: ChannelSquares, parts: Sequence[NDArray], rules: Sequence[Bandwidth], *, scale_bandwidth: bool
) -> Iterator[NDArray]:
    """Compute the exponents of all channels together for each part of the samples, [1, samples, samples].

    A part is given by the positions of its samples in ascending order, and has a rule for its bandwidth.
    """
    medians = _squared_medians(squares.values, parts) if all(rule == Median() for rule in rules) else None
    if medians is None or not ((medians > _LEAST_SQUARE) & (medians < _LARGEST_SQUARE)).all():
        for kept, rule in zip(parts, rules, strict=True):
            of_part = squares.values[:, kept[:, None], kept]
            exponents = exponents_of_squares(of_part, rule, squares.units, squares.length, squares.context)
            yield joint_of_channels(exponents, scale_bandwidth)
        return
    channels, n, _ = squares.values.shape
    weights = 1 / (2 * medians * (channels if scale_bandwidth else 1))
    sums = (weights @ squares.values.reshape(channels, -1)).reshape(-1, n, n)
    for kept, joint in zip(parts, sums, strict=True):
        yield joint[None, kept[:, None], kept]


def _squared_medians(squares: NDArray, parts: Sequence[NDArray]) -> NDArray:
    """The squares of the bandwidths by `Median` of every channel in every part, [parts, channels].

    The distances of a channel are sorted once. Those of a part are among them, in the same order.
    """
    channels, n, _ = squares.shape
    first, second = np.triu_indices(n, 1)
    pairs = squares[:, first, second]
    order = pairs.argsort(axis=1)
    ascending = np.take_along_axis(pairs, order, axis=1)
    medians = np.empty((len(parts), channels))
    for kept, of_part in zip(parts, medians, strict=True):
        present = np.zeros(n, bool)
        present[kept] = True
        of_kept = ascending[(present[first] & present[second])[order]].reshape(channels, -1)
        zeros = (of_kept == 0).sum(axis=1)
        nonzero = of_kept.shape[1] - zeros
        middle = np.stack([zeros + (nonzero - 1) // 2, zeros + nonzero // 2], axis=1).clip(0, of_kept.shape[1] - 1)
        of_part[:] = np.where(nonzero > 0, np.sqrt(np.take_along_axis(of_kept, middle, axis=1)).mean(axis=1) ** 2, 1)
    return medians
