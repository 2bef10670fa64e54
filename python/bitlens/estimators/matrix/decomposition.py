"""How the channels of a layer share information about the input: redundancy, synergy and non-redundant information."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    as_array,
    as_numpy,
    check_integer,
    check_positive,
    check_seed,
    in_callers_library,
)
from bitlens.estimators.matrix.bandwidths import Bandwidth
from bitlens.estimators.matrix.channel_kernels import (
    EXPONENTS,
    Combination,
    KernelPair,
    kernels_of_input_and_channels,
)
from bitlens.estimators.matrix.gram import checked_late, concatenate, shuffle_orders, type_of_kernels, with_shuffles
from bitlens.estimators.matrix.kernels import Kernel


class ChannelDecomposition(NamedTuple):
    """How the channels of a layer share their information about x, in bits."""

    single: Any
    """I(X; T_i), of shape (channels,)."""
    pair: Any
    """I(X; {T_i, T_j}), of shape (pairs,)."""
    pairs: NDArray
    """The channels i < j of each pair, int64 of shape (pairs, 2)."""
    multivariate: float
    """I(X; {T_1, ..., T_C}) (eq. 5)."""
    redundancy_synergy: float
    """Mean of I(X; T_i) + I(X; T_j) - I(X; {T_i, T_j}) (eq. 9). It is below 0 for unrelated channels: only its excess
    tells of redundancy (above 0) or synergy (below 0)."""
    weighted_nonredundant: float
    """Mean of 2 I(X; {T_i, T_j}) - I(X; T_i) - I(X; T_j) (eq. 10)."""
    redundancy_synergy_share: float
    """Mean of eq. 9 divided by the information of the pair. The share of a pair without information is 0."""
    weighted_nonredundant_share: float
    """Mean of eq. 10 divided by the information of the pair. The share of a pair without information is 0."""
    null: tuple[ChannelDecomposition, ...]
    """The decompositions for which the samples of x are shuffled, one for each permutation."""

    @property
    def null_mean(self) -> ChannelDecomposition:
        """The mean of the decompositions in `null`; NaN if `null` is empty."""
        if not self.null:
            return self._replace(**{name: getattr(self, name) * math.nan for name in _INFORMATION})
        values = {name: sum(getattr(shuffle, name) for shuffle in self.null) / len(self.null) for name in _INFORMATION}
        return self._replace(**values, null=())

    @property
    def excess(self) -> ChannelDecomposition:
        """Every quantity minus its null mean, which chance alone gives; NaN if `null` is empty."""
        chance = self.null_mean
        values = {name: getattr(self, name) - getattr(chance, name) for name in _INFORMATION}
        return self._replace(**values, null=())


_INFORMATION = tuple(name for name in ChannelDecomposition._fields if name not in ("pairs", "null"))


@in_callers_library
def channel_decomposition(
    x: Array,
    maps: Array,
    pairs: int | None = None,
    seed: int = 0,
    alpha: float = 1.01,
    bandwidth: Bandwidth | None = None,
    *,
    bandwidth_x: Bandwidth | None = None,
    kernel: Kernel | None = None,
    scale_bandwidth: bool = True,
    permutations: int = 4,
    channel_axis: int = 1,
) -> ChannelDecomposition:
    """Compute the information about x in single channels, in pairs of channels and in all channels, in bits.

    Redundancy-synergy I(X; T_i) + I(X; T_j) - I(X; {T_i, T_j}) and weighted non-redundant information 2 I(X; {T_i,
    T_j}) - I(X; T_i) - I(X; T_j) are means over pairs (Yu et al. 2018, section III-B, eq. 9 and 10). A channel has the
    same sigma alone and in pairs; otherwise the terms could not be compared.

    The estimates are biased, and the bias of a pair exceeds that of two single channels: redundancy-synergy of channels
    that have nothing to do with x is -0.17 to -0.46 bits. That does not mean synergy. Report ``excess``, which
    has the mean of the shuffles subtracted.

    Parameters
    ----------
    x, maps, alpha, bandwidth, bandwidth_x, kernel, channel_axis
        As in `multivariate_information`.
    pairs : int, optional
        Number of pairs of channels, drawn at random without repetition. The default is all pairs.
    seed : int
        The same seed draws the same pairs and shuffles.
    scale_bandwidth : bool
        As in `multivariate_information`; applies to `multivariate` only.
    permutations : int
        Number of shuffles in `null`, 0 or more. Each takes about half as long as the decomposition itself.

    Returns
    -------
    ChannelDecomposition
        In bits.

    Raises
    ------
    TypeError, ValueError
        As in `multivariate_information`, or if there are fewer than two channels or fewer pairs than requested.

    Examples
    --------
    Two equal channels are redundant.

    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(60, 1, 5))
    >>> result = bitlens.channel_decomposition(x, np.concatenate([x, x], axis=1), bandwidth=1.5)
    >>> result.excess.redundancy_synergy > 0
    True
    """
    x, maps = as_array(x, "x"), as_array(maps, "maps")
    kernels = KernelPair.of(kernel, bandwidth, bandwidth_x)

    def result(deferred: bool) -> ChannelDecomposition:
        of_both = kernels_of_input_and_channels(x, maps, kernels, channel_axis, deferred=deferred)
        of_x, of_maps, context, combined = of_both
        shuffles = check_integer(permutations, "permutations")
        if shuffles < 0:
            raise ValueError(f"permutations: expected at least 0, got {shuffles}")
        target = with_shuffles(of_x, context, shuffle_orders(of_x.shape[1], shuffles, seed))
        dtype = type_of_kernels([x, maps], check_positive(alpha, "alpha"), context)
        return decompose([target], of_maps, context, pairs, seed, alpha, scale_bandwidth, combined, dtype)[0]

    return checked_late(result, lambda found: not math.isnan(found.multivariate), kernels.maps, maps)


def decompose(
    targets: Sequence[Any],
    of_maps: Any,
    context: ArrayContext,
    pairs: int | None,
    seed: int,
    alpha: float,
    scale_bandwidth: bool,
    combined: Combination = EXPONENTS,
    dtype: str = "float64",
) -> list[ChannelDecomposition]:
    """Decompose the information of a layer about each of several x.

    Each target is an x `with_shuffles`, and `of_maps` are the kernels of every channel, [channels, n, n].
    """
    channels = len(of_maps)
    chosen_pairs = _choose_pairs(channels, pairs, check_seed(seed))
    layer = combined.joint(of_maps, scale_bandwidth)
    groups = [*([i] for i in range(channels)), *chosen_pairs.tolist(), [channels]]
    repeats = len(targets[0])  # x itself and its shuffles
    places = range(channels + 1, channels + 1 + repeats * len(targets))
    alone = [[place] for place in places[::repeats]]
    joint = [[*group, place] for place in places for group in groups]
    kernels = concatenate([of_maps, layer, *targets])
    bits = as_numpy(combined.entropies(kernels, [*alone, *groups, *joint], alpha, context, dtype))
    target_entropies, group_entropies = bits[: len(alone)], bits[len(alone) : len(alone) + len(groups)]
    joint_entropies = bits[len(alone) + len(groups) :].reshape(len(targets), repeats, len(groups))
    results = []
    for target_entropy, rows in zip(target_entropies, joint_entropies, strict=True):
        information = target_entropy + group_entropies - rows
        observed, *null = (_decomposition(row, chosen_pairs, channels) for row in information)
        results.append(observed._replace(null=tuple(null)))
    return results


def _decomposition(information: NDArray, chosen_pairs: NDArray, channels: int) -> ChannelDecomposition:
    """Compute a decomposition from the information of each channel, then of each pair, then of all channels."""
    single, pair = information[:channels], information[channels:-1]
    sum_of_singles = single[chosen_pairs[:, 0]] + single[chosen_pairs[:, 1]]
    present = pair > 1e-12
    divisor = pair * present + ~present
    return ChannelDecomposition(
        single=single,
        pair=pair,
        pairs=chosen_pairs,
        multivariate=float(information[-1]),
        redundancy_synergy=float((sum_of_singles - pair).mean()),
        weighted_nonredundant=float((2 * pair - sum_of_singles).mean()),
        redundancy_synergy_share=float(((sum_of_singles - pair) / divisor * present).mean()),
        weighted_nonredundant_share=float(((2 * pair - sum_of_singles) / divisor * present).mean()),
        null=(),
    )


def _choose_pairs(channels: int, count: object, seed: int) -> NDArray:
    if channels < 2:
        raise ValueError(f"maps: expected at least 2 channels, got {channels}")
    all_pairs = np.array(list(combinations(range(channels), 2)), np.int64)
    if count is None:
        return all_pairs
    wanted = check_integer(count, "pairs")
    if not 1 <= wanted <= len(all_pairs):
        raise ValueError(f"pairs: expected 1 to {len(all_pairs)} for {channels} channels, got {wanted}")
    drawn = np.random.default_rng(seed).choice(len(all_pairs), wanted, replace=False)
    return all_pairs[np.sort(drawn)]
