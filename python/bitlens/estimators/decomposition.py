"""How the channels of a layer share what they carry: redundancy against synergy, and what is not redundant."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import Array, NDArray, integer
from bitlens.estimators.bandwidths import Bandwidth, Median
from bitlens.estimators.kernels import concatenate, entropies, input_and_channels


class ChannelDecomposition(NamedTuple):
    """How the channels of a layer share what they carry about x, in bits."""

    single: Any
    """I(X; T_i), of shape (channels,)."""
    pair: Any
    """I(X; {T_i, T_j}), of shape (pairs,)."""
    pairs: NDArray
    """int64 (pairs, 2): i < j."""
    multivariate: float
    """I(X; {T_1, ..., T_C}) (eq. 5)."""
    redundancy_synergy: float
    """Mean of I(X; T_i) + I(X; T_j) - I(X; {T_i, T_j}) (eq. 9): redundancy above 0, synergy below."""
    weighted_nonredundant: float
    """Mean of 2 I(X; {T_i, T_j}) - I(X; T_i) - I(X; T_j) (eq. 10)."""
    redundancy_synergy_share: float
    """Mean of the first as a share of the pair's information; a pair without any counts as 0."""
    weighted_nonredundant_share: float


def channel_decomposition(
    x: Array,
    maps: Array,
    pairs: int | None = None,
    seed: int = 0,
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
    *,
    bandwidth_x: Bandwidth = Median(),  # noqa: B008
    saturating: bool = False,
    channel_axis: int = 1,
) -> ChannelDecomposition:
    """What single channels, pairs of them, and all together carry about x, in bits (Yu et al. 2018, section III-B).

    Singles and pairs keep one sigma a channel, or their terms could not be compared.

    Parameters
    ----------
    x, maps, alpha, bandwidth, bandwidth_x, channel_axis
        As in `multivariate_information`.
    pairs : int, optional
        How many pairs of channels to look at, drawn by `seed`. Default: all.
    seed : int
        The same seed draws the same pairs.
    saturating : bool
        As in `multivariate_information`, for `multivariate` alone.

    Returns
    -------
    ChannelDecomposition
        In bits.

    Raises
    ------
    TypeError, ValueError
        As `multivariate_information`, or if there are fewer than two channels, or fewer pairs than asked for.

    Examples
    --------
    Two channels that are the same are redundant.

    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(60, 1, 5))
    >>> result = bitlens.channel_decomposition(x, np.concatenate([x, x], axis=1), bandwidth=1.5)
    >>> result.redundancy_synergy > 0
    True
    """
    of_x, of_maps, family = input_and_channels(x, maps, bandwidth_x, bandwidth, channel_axis)
    channels = len(of_maps)
    chosen = _chosen_pairs(channels, pairs, integer(seed, "seed"))
    layer = of_maps.sum(0, keepdims=True) / (1 if saturating else channels)
    stack = concatenate([of_maps, of_x, layer])
    x_at, layer_at = channels, channels + 1
    groups = [*([i] for i in range(channels)), *chosen.tolist(), [layer_at]]
    found = entropies(stack, [[x_at], *groups, *([*group, x_at] for group in groups)], alpha, family)
    information = found[0] + found[1 : 1 + len(groups)] - found[1 + len(groups) :]
    single, pair = information[:channels], information[channels:-1]
    both = single[chosen[:, 0]] + single[chosen[:, 1]]
    present = pair > 1e-12
    divisor = pair * present + ~present
    return ChannelDecomposition(
        single=family.give_back(single),
        pair=family.give_back(pair),
        pairs=chosen,
        multivariate=float(information[-1]),
        redundancy_synergy=float((both - pair).mean()),
        weighted_nonredundant=float((2 * pair - both).mean()),
        redundancy_synergy_share=float(((both - pair) / divisor * present).mean()),
        weighted_nonredundant_share=float(((2 * pair - both) / divisor * present).mean()),
    )


def _chosen_pairs(channels: int, count: object, seed: int) -> NDArray:
    if channels < 2:
        raise ValueError(f"maps: expected at least 2 channels, got {channels}")
    everything = np.array(list(combinations(range(channels), 2)), np.int64)
    if count is None:
        return everything
    wanted = integer(count, "pairs")
    if not 1 <= wanted <= len(everything):
        raise ValueError(f"pairs: expected 1 to {len(everything)} for {channels} channels, got {wanted}")
    chosen = np.random.default_rng(seed).choice(len(everything), wanted, replace=False)
    return everything[np.sort(chosen)]
