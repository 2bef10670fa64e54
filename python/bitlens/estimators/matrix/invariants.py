"""Shannon invariants: how often the information of a layer's channels occurs, and how much is lost with one channel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from bitlens.arrays import Array, ArrayContext, NDArray, as_numpy, check_integer, in_callers_library
from bitlens.estimators.matrix.bandwidths import Bandwidth
from bitlens.estimators.matrix.channel_kernels import (
    EXPONENTS,
    Combination,
    KernelPair,
    kernels_of_input_and_channels,
)
from bitlens.estimators.matrix.gram import concatenate, shuffle_orders, with_shuffles
from bitlens.estimators.matrix.kernels import Kernel
from bitlens.estimators.permutation import p_value_of

ROUNDING = 1e-9
"""Information below this number of bits is that of rounding, and nothing is a share of it."""


class ShannonInvariants(NamedTuple):
    """Average degrees of redundancy and of vulnerability, and the information that they are made of."""

    redundancy: float
    """Sum of the channels' excesses / excess of all channels: 1 if no information is shared, C if all channels have
    it all. NaN where the excess of all channels is not above 0."""
    vulnerability: float
    """Sum of the excesses that are lost without one channel / excess of all channels: 0 if none is needed. NaN as
    above."""
    plain_redundancy: float
    """The same ratio of the estimates as they are, of which chance is a part."""
    plain_vulnerability: float
    """The same ratio of the estimates as they are, of which chance is a part."""
    null_redundancy: float
    """The ratio of the mean estimates when the samples of x are shuffled."""
    null_vulnerability: float
    """The ratio of the mean estimates when the samples of x are shuffled."""
    joint: float
    """I(X; {T_1, ..., T_C}) in bits."""
    joint_null_mean: float
    """The mean of `joint` when the samples of x are shuffled."""
    joint_null_std: float
    """The standard deviation of `joint` when the samples of x are shuffled (n - 1 in the denominator)."""
    p_value: float
    """P-value of `joint`; the ratios say nothing where it is large."""
    single: NDArray
    """Excess of I(X; T_i) over its null mean in bits, of shape (channels,), with the sigma of the joint."""
    lost: NDArray
    """Excess that is lost without each channel, of all channels minus that of the others, in bits, (channels,)."""


@in_callers_library
def shannon_invariants(
    x: Array,
    maps: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth | None = None,
    *,
    bandwidth_x: Bandwidth | None = None,
    kernel: Kernel | None = None,
    scale_bandwidth: bool = True,
    permutations: int = 20,
    seed: int = 0,
    channel_axis: int = 1,
) -> ShannonInvariants:
    """Compute the average degrees of redundancy and of vulnerability of a layer's information about x.

    The degree of redundancy is sum_i I(X; T_i) / I(X; T), and that of vulnerability sum_i (I(X; T) - I(X; T without
    T_i)) / I(X; T) (Gutknecht et al. 2025, arXiv 2504.15779). Whatever definition of redundant information
    is chosen, they are the mean number of channels that have a piece of information, and the mean number of channels
    without any of which it is lost. Information is matrix-based, and every term has the sigma of the joint, so that the
    terms can be compared. Estimates of small information are mostly chance: the degrees are those of the excess over
    shuffled samples.

    Parameters
    ----------
    x, maps, alpha, bandwidth, bandwidth_x, kernel, scale_bandwidth, channel_axis
        As in `multivariate_information`; at least two channels.
    permutations : int
        Number of shuffles of x, at least 2.
    seed : int
        The same seed shuffles x in the same way.

    Returns
    -------
    ShannonInvariants
        Ratios from about 0 to the number of channels, and bits.

    Raises
    ------
    TypeError, ValueError
        As in `multivariate_information`, or if there are fewer than two channels.

    Examples
    --------
    Four copies of a channel have the same information, and none of them is needed.

    >>> import numpy as np
    >>> import bitlens
    >>> labels = np.arange(60) % 2
    >>> result = bitlens.shannon_invariants(labels, np.repeat(labels[:, None, None], 4, axis=1), bandwidth=0.1)
    >>> round(result.redundancy), round(abs(result.vulnerability))
    (4, 0)
    """
    kernels = KernelPair.of(kernel, bandwidth, bandwidth_x)
    of_x, of_maps, context, combined = kernels_of_input_and_channels(x, maps, kernels, channel_axis)
    if len(of_maps) < 2:
        raise ValueError(f"maps: expected at least 2 channels, got {len(of_maps)}")
    count = check_integer(permutations, "permutations")
    if count < 2:
        raise ValueError(f"permutations: expected at least 2, got {count}")
    target = with_shuffles(of_x, context, shuffle_orders(of_x.shape[1], count, seed))
    (information,) = group_information([target], of_maps, context, alpha, scale_bandwidth, combined)
    return degrees(information)


def group_information(
    targets: Sequence[Any],
    of_maps: Any,
    context: ArrayContext,
    alpha: float,
    scale_bandwidth: bool,
    combined: Combination = EXPONENTS,
) -> list[NDArray]:
    """Compute the information about each of several x in each channel, in all but each channel, and in all.

    Each target is an x `with_shuffles`, and `of_maps` are the kernels of every channel, [channels, n, n]. The results
    are bits [1 + shuffles, 2 channels + 1].
    """
    channels = len(of_maps)
    alone = combined.scaled(of_maps, scale_bandwidth)
    others, joint = combined.all_but_each(alone), combined.joint(alone, False)
    groups = range(2 * channels + 1)  # each channel, all but each channel, all
    repeats = len(targets[0])
    places = range(len(groups), len(groups) + repeats * len(targets))
    sets = [*([group] for group in groups), *([place] for place in places[::repeats])]
    sets += [[group, place] for place in places for group in groups]
    bits = combined.entropies(concatenate([alone, others, joint, *targets]), sets, alpha, context, "float64")
    values = as_numpy(bits)
    of_groups, of_targets = values[: len(groups)], values[len(groups) : len(groups) + len(targets)]
    of_both = values[len(groups) + len(targets) :].reshape(len(targets), repeats, len(groups))
    return [of_target + of_groups - row for of_target, row in zip(of_targets, of_both, strict=True)]


def degrees(information: NDArray) -> ShannonInvariants:
    """The invariants from the `group_information` of one x, or from its mean over mini-batches."""
    channels = information.shape[1] // 2
    observed, null = information[0], information[1:]
    excess = observed - null.mean(axis=0)
    single, lost = excess[:channels], excess[-1] - excess[channels:-1]
    plain, by_chance = _plain(observed, channels), _plain(null.mean(axis=0), channels)
    known = excess[-1] > ROUNDING
    return ShannonInvariants(
        redundancy=float(single.sum() / excess[-1]) if known else math.nan,
        vulnerability=float(lost.sum() / excess[-1]) if known else math.nan,
        plain_redundancy=plain[0],
        plain_vulnerability=plain[1],
        null_redundancy=by_chance[0],
        null_vulnerability=by_chance[1],
        joint=float(observed[-1]),
        joint_null_mean=float(null[:, -1].mean()),
        joint_null_std=float(null[:, -1].std(ddof=1)),
        p_value=math.nan if math.isnan(observed[-1]) else float(p_value_of(observed[-1], null[:, -1])),
        single=single,
        lost=lost,
    )


def _plain(information: NDArray, channels: int) -> tuple[float, float]:
    """Both ratios of one row of information; NaN where there is none."""
    whole = float(information[-1])
    if whole <= ROUNDING:
        return math.nan, math.nan
    lost = whole - information[channels:-1]
    return float(information[:channels].sum() / whole), float(lost.sum() / whole)
