"""How the channels of a layer share what they carry: redundancy against synergy, and what is not redundant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import Array, ArrayContext, NDArray, check_integer
from bitlens.estimators.matrix.bandwidths import Bandwidth, Median
from bitlens.estimators.matrix.gram import concatenate, entropies, input_and_channels, with_shuffles


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
    null: tuple[ChannelDecomposition, ...]
    """The same when the samples of x are shuffled, once each."""


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
    permutations: int = 0,
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
        The same seed draws the same pairs and shuffles.
    saturating : bool
        As in `multivariate_information`, for `multivariate` alone.
    permutations : int
        How many shuffles `null` has; each takes about half as long as the decomposition itself.

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
    of_x, of_maps, context = input_and_channels(x, maps, bandwidth_x, bandwidth, channel_axis)
    shuffles = check_integer(permutations, "permutations")
    if shuffles < 0:
        raise ValueError(f"permutations: expected at least 0, got {shuffles}")
    about = with_shuffles(of_x, context, shuffles, seed)
    return decompose([about], of_maps, context, pairs, seed, alpha, saturating)[0]


def decompose(
    targets: Sequence[Any],
    of_maps: Any,
    context: ArrayContext,
    pairs: int | None,
    seed: int,
    alpha: float,
    saturating: bool,
) -> list[ChannelDecomposition]:
    """The same about several x, each `with_shuffles`, from every channel's exponents [channels, n, n]."""
    channels = len(of_maps)
    chosen = _chosen_pairs(channels, pairs, check_integer(seed, "seed"))
    layer = of_maps.sum(0, keepdims=True) / (1 if saturating else channels)
    groups = [*([i] for i in range(channels)), *chosen.tolist(), [channels]]
    each = len(targets[0])
    places = range(channels + 1, channels + 1 + each * len(targets))
    alone = [[place] for place in places[::each]]
    joint = [[*group, place] for place in places for group in groups]
    found = entropies(concatenate([of_maps, layer, *targets]), [*alone, *groups, *joint], alpha, context)
    of_targets, of_groups = found[: len(alone)], found[len(alone) : len(alone) + len(groups)]
    joints = found[len(alone) + len(groups) :].reshape(len(targets), each, len(groups))
    results = []
    for entropy, parts in zip(of_targets, joints, strict=True):
        observed, *null = (_decomposition(entropy + of_groups - part, chosen, channels, context) for part in parts)
        results.append(observed._replace(null=tuple(null)))
    return results


def _decomposition(information: Any, chosen: NDArray, channels: int, context: ArrayContext) -> ChannelDecomposition:
    """Of what single channels, pairs of them, and all of them carry."""
    single, pair = information[:channels], information[channels:-1]
    both = single[chosen[:, 0]] + single[chosen[:, 1]]
    present = pair > 1e-12
    divisor = pair * present + ~present
    return ChannelDecomposition(
        single=context.to_caller(single),
        pair=context.to_caller(pair),
        pairs=chosen,
        multivariate=float(information[-1]),
        redundancy_synergy=float((both - pair).mean()),
        weighted_nonredundant=float((2 * pair - both).mean()),
        redundancy_synergy_share=float(((both - pair) / divisor * present).mean()),
        weighted_nonredundant_share=float(((2 * pair - both) / divisor * present).mean()),
        null=(),
    )


def _chosen_pairs(channels: int, count: object, seed: int) -> NDArray:
    if channels < 2:
        raise ValueError(f"maps: expected at least 2 channels, got {channels}")
    everything = np.array(list(combinations(range(channels), 2)), np.int64)
    if count is None:
        return everything
    wanted = check_integer(count, "pairs")
    if not 1 <= wanted <= len(everything):
        raise ValueError(f"pairs: expected 1 to {len(everything)} for {channels} channels, got {wanted}")
    chosen = np.random.default_rng(seed).choice(len(everything), wanted, replace=False)
    return everything[np.sort(chosen)]
