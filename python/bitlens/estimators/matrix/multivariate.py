"""Matrix-based information of a whole layer, all of whose channels are one variable, and its permutation baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    in_callers_library,
    warn_caller,
)
from bitlens.estimators.intervals import excess_error
from bitlens.estimators.matrix.bandwidths import Bandwidth, for_samples
from bitlens.estimators.matrix.channel_kernels import (
    EXPONENTS,
    Combination,
    KernelPair,
    kernels_of_input_and_channels,
)
from bitlens.estimators.matrix.gram import checked_late, concatenate, shuffle_orders, type_of_kernels, with_shuffles
from bitlens.estimators.matrix.kernels import Kernel
from bitlens.estimators.permutation import p_value_of
from bitlens.estimators.verdicts import adjusted_information, verdicts


class SaturationWarning(UserWarning):
    """An estimate contains little information about the layer.

    Either the entropy of the layer is close to its maximum, log2 n, or the information is not larger than that of
    shuffled samples.
    """

    limit = 0.98
    """The share of log2 n above which an entropy is close to it."""


class MultivariateInformation(NamedTuple):
    """The information between x and all channels of a layer together, in bits, and how far it can be trusted."""

    information: float
    """I(X; {T_1, ..., T_C}) = entropy_x + entropy_maps - joint_entropy."""
    entropy_x: float
    """S(X), from 0 to log2 n."""
    entropy_maps: float
    """S(T_1, ..., T_C), from 0 to log2 n."""
    joint_entropy: float
    """S(X, T_1, ..., T_C), from 0 to log2 n."""
    saturation: float
    """entropy_maps / log2 n, from 0 to 1. At 1 all samples differ, and the estimate depends on nothing else."""
    null_mean: float
    """The mean information when the samples of x are shuffled."""
    null_std: float
    """The standard deviation of the information when the samples of x are shuffled (n - 1 in the denominator)."""
    p_value: float
    """P-value of the permutation test, from 1 / (1 + permutations) to 1."""
    standard_error: float
    """Standard error of the excess; NaN unless intervals are asked for."""

    @property
    def excess(self) -> float:
        """Information minus null_mean. It is too small where the null mean is large, and depends on n."""
        return self.information - self.null_mean

    @property
    def adjusted(self) -> float:
        """The information adjusted for chance; see `adjusted_information`."""
        return float(adjusted_information(self.information, self.null_mean, min(self.entropy_x, self.entropy_maps)))

    @property
    def verdict(self) -> str:
        """How far the information can be trusted; see `bitlens.estimators.verdicts`."""
        limit = min(self.entropy_x, self.entropy_maps)
        return str(verdicts(self.null_mean, limit, self.p_value, saturation=self.saturation))


@in_callers_library
def multivariate_information(
    x: Array,
    maps: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth | None = None,
    *,
    bandwidth_x: Bandwidth | None = None,
    kernel: Kernel | None = None,
    scale_bandwidth: bool = True,
    tensor: bool = False,
    permutations: int = 20,
    seed: int = 0,
    channel_axis: int = 1,
    intervals: bool = False,
) -> MultivariateInformation:
    """Compute the information between x and all channels of a layer together, in bits.

    I(X; {T_1, ..., T_C}) = S(X) + S(T_1, ..., T_C) - S(X, T_1, ..., T_C) (Yu et al. 2018, eq. 4 and 5). A
    `SaturationWarning` is issued if the layer's entropy is close to log2 n, or the information is not larger than that
    of shuffled samples: the estimate then contains little information about the layer. The estimate grows with the
    number of samples: compare only values of equal n. On a GPU, entropies of float32 samples may be computed in float32
    (see `renyi_entropy`).

    Parameters
    ----------
    x : array of shape (n, ...), or integers of shape (n,)
        The input or the labels, as in `renyi_entropy`.
    maps : array of shape (n, channels, ...)
        Feature maps. In shape (n, channels) every unit is a channel.
    alpha : float
        Order of the entropies, above 0.
    bandwidth : float, sequence of floats, or rule, optional
        Sigma of the channels in the unit of maps, one sigma for each channel, or a rule for them. The default is
        Median().
    bandwidth_x : float or rule, optional
        Sigma of x in the unit of x, or a rule for it. The default is Median().
    kernel : Gaussian, Linear or Cosine, optional
        The kernel of x and of every channel, instead of bandwidths. The kernel of classes stays 1 within a class and 0
        between classes. A centred kernel of a channel whose values are all equal is 0, and the result NaN.
    scale_bandwidth : bool
        Whether the channels' sigmas are multiplied by sqrt(channels) in a joint entropy. False is the paper's plain
        product, which saturates if there are many channels. Linear kernels have no sigma.
    tensor : bool
        Whether all values of a layer have one kernel (Wickstrom et al. 2023), instead of one kernel for each channel.
    permutations : int
        Number of shuffles of x for the null distribution, at least 2.
    seed : int
        The same seed shuffles x in the same way.
    channel_axis : int
        The axis of the channels.
    intervals : bool
        Whether to compute the standard error of the excess by the jackknife (see `jackknife`), from 64 samples on. It
        takes about four times as long as all else.

    Returns
    -------
    MultivariateInformation
        Floats, in bits.

    Raises
    ------
    TypeError, ValueError
        If x and maps are not finite arrays of the same samples, at least two, or a parameter is invalid.

    Warns
    -----
    SaturationWarning
        If the estimate contains little information about the layer.
    UndefinedWarning
        If a linear kernel is 0 everywhere.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(100, 3, 4))
    >>> result = bitlens.multivariate_information(x, np.tanh(x))
    >>> result.information > result.null_mean + 20 * result.null_std
    True
    """
    given, layer = as_array(x, "x"), as_array(maps, "maps")
    kernels = KernelPair.of(kernel, bandwidth, bandwidth_x)

    def estimate(deferred: bool) -> tuple[MultivariateInformation, NDArray, list[NDArray], int]:
        of_x, of_maps, context, combined = kernels_of_input_and_channels(
            given, layer, kernels, channel_axis, tensor=tensor, deferred=deferred
        )
        count = check_integer(permutations, "permutations")
        if count < 2:
            raise ValueError(f"permutations: expected at least 2, got {count}")
        orders = shuffle_orders(of_x.shape[1], count, seed)
        target = with_shuffles(of_x, context, orders)
        dtype = type_of_kernels([given, layer], check_positive(alpha, "alpha"), context)
        ((result, null),) = informations([target], of_maps, context, alpha, scale_bandwidth, combined, dtype)
        return result, null, orders, len(of_maps)

    found = checked_late(estimate, lambda part: not math.isnan(part[0].information), kernels.maps, layer)
    result, null, orders, channels = found

    def excess(kept: NDArray, induced: Sequence[NDArray]) -> float:
        rules = kernels.replace_bandwidths(lambda rule: for_samples(rule, kept))
        of_x, of_maps, context, combined = kernels_of_input_and_channels(
            given[kept], layer[kept], rules, channel_axis, tensor=tensor
        )
        target = with_shuffles(of_x, context, induced)
        ((part, _),) = informations([target], of_maps, context, alpha, scale_bandwidth, combined)
        return part.excess

    if intervals:
        result = result._replace(standard_error=float(excess_error(excess, orders, null.std(ddof=1), seed)))
    _warn_of_saturation(result, channels)
    return result


def informations(
    targets: Sequence[Any],
    of_maps: Any,
    context: ArrayContext,
    alpha: float,
    scale_bandwidth: bool,
    combined: Combination = EXPONENTS,
    dtype: str = "float64",
) -> list[tuple[MultivariateInformation, NDArray]]:
    """Compute the information of a layer about each of several x, and that of every shuffle, without warnings.

    Each target is an x `with_shuffles`, and `of_maps` are the kernels of every channel, [channels, n, n].
    """
    layer = combined.joint(of_maps, scale_bandwidth)
    repeats = len(targets[0])  # x itself and its shuffles
    places = range(1, 1 + repeats * len(targets))
    sets = [[0], *([place] for place in places[::repeats]), *([place, 0] for place in places)]
    bits = as_numpy(combined.entropies(concatenate([layer, *targets]), sets, alpha, context, dtype))
    entropy_maps, *target_entropies = bits[: 1 + len(targets)].tolist()
    joint_entropies = bits[1 + len(targets) :].reshape(len(targets), repeats)
    results = []
    for entropy_x, row in zip(target_entropies, joint_entropies, strict=True):
        joint, *shuffled = row.tolist()
        null = entropy_x + entropy_maps - np.array(shuffled)
        information = entropy_x + entropy_maps - joint
        result = MultivariateInformation(
            information=information,
            entropy_x=entropy_x,
            entropy_maps=entropy_maps,
            joint_entropy=joint,
            saturation=entropy_maps / math.log2(of_maps.shape[1]),
            null_mean=float(null.mean()),
            null_std=float(null.std(ddof=1)) if len(null) > 1 else math.nan,
            p_value=math.nan if math.isnan(information) else float(p_value_of(information, null)),
            standard_error=math.nan,
        )
        results.append((result, null))
    return results


def _warn_of_saturation(result: MultivariateInformation, channels: int) -> None:
    if result.saturation > SaturationWarning.limit:
        warn_caller(
            f"the entropy of the {channels} channels is {result.saturation:.1%} of log2 n: all samples differ, and the "
            "information is that of the input for any layer; use scale_bandwidth=True or a larger bandwidth",
            SaturationWarning,
        )
    elif result.information <= result.null_mean + 2 * result.null_std:
        warn_caller(
            f"the information of {result.information:.4f} bits is not larger than that of shuffled samples, "
            f"{result.null_mean:.4f} ± {result.null_std:.4f} bits",
            SaturationWarning,
        )
