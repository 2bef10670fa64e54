"""Matrix-based Renyi entropies and mutual information of samples, layers and labels.

The kernel of a variable is exp(-d^2 / (2 sigma^2)), and a joint entropy is that of the product of kernels (Yu et al.
2018, eq. 2 and 3). The product of many kernels tends to the identity matrix, whatever the kernels are. In a joint of C
channels every sigma is therefore multiplied by sqrt(C); `scale_bandwidth=False` is the paper's plain product.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import Array, ArrayContext, check_integer
from bitlens.estimators.matrix.bandwidths import Bandwidth, Median
from bitlens.estimators.matrix.gram import (
    concatenate,
    entropies,
    input_and_channels,
    join_variables,
    joint_of_channels,
    variable_exponents,
    with_shuffles,
)


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


def renyi_entropy(x: Array, alpha: float = 1.01, bandwidth: Bandwidth = Median()) -> float:  # noqa: B008
    """Compute the matrix-based Renyi entropy of samples, in bits.

    S_alpha(A) = log2(tr A^alpha) / (1 - alpha), where A is the samples' Gram matrix divided by its trace (Yu et al.
    2018, eq. 2).

    Parameters
    ----------
    x : array of shape (n, ...), or integers of shape (n,)
        Samples along the first axis, the other axes are flattened; or class labels, whose kernel is 1 within a class
        and 0 between classes.
    alpha : float
        Order of the entropy, above 0; 1 is von Neumann's entropy.
    bandwidth : float, Median, Silverman, NearestNeighbors, Dimension or Alignment
        Sigma in the unit of x, or a rule for it.

    Returns
    -------
    float
        Bits, from 0 (all samples are equal) to log2(n) (all samples are far apart).

    Raises
    ------
    TypeError, ValueError
        If x is not a finite array of at least two samples, or alpha or bandwidth are invalid.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> round(bitlens.renyi_entropy(np.array([0, 0, 1, 1])), 12)
    1.0
    """
    exponents, context = variable_exponents(x, "x", bandwidth)
    return float(entropies(exponents, [[0]], alpha, context)[0])


def renyi_joint_entropy(
    variables: Sequence[Array],
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
    *,
    scale_bandwidth: bool = True,
) -> float:
    """Compute the joint matrix-based Renyi entropy of several variables of the same samples, in bits.

    `renyi_entropy` of the elementwise product of the variables' Gram matrices (Yu et al. 2018, eq. 3).

    Parameters
    ----------
    variables : sequence of arrays
        Variables as in `renyi_entropy`, with equal numbers of samples n.
    alpha, bandwidth
        As in `renyi_entropy`; a rule is applied to each variable separately.
    scale_bandwidth : bool
        Whether every sigma is multiplied by the square root of the number of variables. False is the paper's plain
        product.

    Returns
    -------
    float
        Bits, from 0 to log2(n).

    Raises
    ------
    TypeError, ValueError
        As in `renyi_entropy`, or if the variables are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> round(bitlens.renyi_joint_entropy([a, b]), 12)
    2.0
    """
    if not len(variables):
        raise ValueError("variables: expected at least one array, got none")
    each = [variable_exponents(x, f"variables[{i}]", bandwidth) for i, x in enumerate(variables)]
    exponents = join_variables([of_x for of_x, _ in each], [context for _, context in each], "variables")
    joint = joint_of_channels(exponents, scale_bandwidth)
    return float(entropies(joint, [[0]], alpha, each[0][1])[0])


def renyi_mutual_information(
    x: Array,
    y: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
) -> float:
    """Compute the matrix-based mutual information of two variables, in bits: S(X) + S(Y) - S(X, Y).

    The entropies are those of Yu et al. (2018, eq. 2 to 4), and each variable keeps its sigma in the joint entropy. The
    estimate is biased upward: compare it with its null distribution, by `permutation_test`.

    Parameters
    ----------
    x, y : arrays
        Variables of the same n samples, each as in `renyi_entropy`.
    alpha, bandwidth
        As in `renyi_entropy`.

    Returns
    -------
    float
        Bits, at most log2(n). For orders other than 1 the value may be slightly negative.

    Raises
    ------
    TypeError, ValueError
        As in `renyi_entropy`, or if x and y are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a = np.array([0, 0, 1, 1])
    >>> round(bitlens.renyi_mutual_information(a, a), 12)
    1.0
    """
    (of_x, context_x), (of_y, context_y) = (
        variable_exponents(x, "x", bandwidth),
        variable_exponents(y, "y", bandwidth),
    )
    exponents = join_variables([of_x, of_y], [context_x, context_y], "y")
    entropy_x, entropy_y, joint_entropy = entropies(exponents, [[0], [1], [0, 1]], alpha, context_x)
    return float(entropy_x + entropy_y - joint_entropy)


def multivariate_information(
    x: Array,
    maps: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
    *,
    bandwidth_x: Bandwidth = Median(),  # noqa: B008
    scale_bandwidth: bool = True,
    tensor: bool = False,
    permutations: int = 20,
    seed: int = 0,
    channel_axis: int = 1,
) -> MultivariateInformation:
    """Compute the information between x and all channels of a layer together, in bits.

    I(X; {T_1, ..., T_C}) = S(X) + S(T_1, ..., T_C) - S(X, T_1, ..., T_C) (Yu et al. 2018, eq. 4 and 5). A
    `SaturationWarning` is issued if the layer's entropy is close to log2 n, or the information is not larger than that
    of shuffled samples: the estimate then contains little information about the layer.

    Parameters
    ----------
    x : array of shape (n, ...), or integers of shape (n,)
        The input or the labels, as in `renyi_entropy`.
    maps : array of shape (n, channels, ...)
        Feature maps. In shape (n, channels) every unit is a channel.
    alpha : float
        Order of the entropies, above 0.
    bandwidth : float, sequence of floats, or rule
        Sigma of the channels in the unit of maps, one sigma for each channel, or a rule for them.
    bandwidth_x : float or rule
        Sigma of x in the unit of x, or a rule for it.
    scale_bandwidth : bool
        Whether the channels' sigmas are multiplied by sqrt(channels) in a joint entropy. False is the paper's plain
        product, which saturates if there are many channels.
    tensor : bool
        Whether all values of a layer have one kernel (Wickstrom et al. 2023), instead of one kernel for each channel.
    permutations : int
        Number of shuffles of x for the null distribution, at least 2.
    seed : int
        The same seed shuffles x in the same way.
    channel_axis : int
        The axis of the channels.

    Returns
    -------
    MultivariateInformation
        Floats, in bits.

    Raises
    ------
    TypeError, ValueError
        If x and maps are not finite arrays of the same samples, at least two, or a parameter is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(100, 3, 4))
    >>> result = bitlens.multivariate_information(x, np.tanh(x))
    >>> result.information > result.null_mean + 20 * result.null_std
    True
    """
    of_x, of_maps, context = input_and_channels(x, maps, bandwidth_x, bandwidth, channel_axis, tensor=tensor)
    count = check_integer(permutations, "permutations")
    if count < 2:
        raise ValueError(f"permutations: expected at least 2, got {count}")
    target = with_shuffles(of_x, context, count, seed)
    (result,) = informations([target], of_maps, context, alpha, scale_bandwidth)
    _warn_of_saturation(result, len(of_maps))
    return result


def informations(
    targets: Sequence[Any], of_maps: Any, context: ArrayContext, alpha: float, scale_bandwidth: bool
) -> list[MultivariateInformation]:
    """Compute the information of a layer about each of several x, without warnings.

    Each target is an x `with_shuffles`, and `of_maps` are the exponents of every channel, [channels, n, n].
    """
    layer = joint_of_channels(of_maps, scale_bandwidth)
    repeats = len(targets[0])  # x itself and its shuffles
    places = range(1, 1 + repeats * len(targets))
    sets = [[0], *([place] for place in places[::repeats]), *([place, 0] for place in places)]
    bits = entropies(concatenate([layer, *targets]), sets, alpha, context)
    entropy_maps, *target_entropies = (float(value) for value in bits[: 1 + len(targets)])
    joint_entropies = bits[1 + len(targets) :].reshape(len(targets), repeats)
    results = []
    for entropy_x, row in zip(target_entropies, joint_entropies, strict=True):
        joint, *shuffled = (float(value) for value in row)
        null = entropy_x + entropy_maps - np.array(shuffled)
        results.append(
            MultivariateInformation(
                information=entropy_x + entropy_maps - joint,
                entropy_x=entropy_x,
                entropy_maps=entropy_maps,
                joint_entropy=joint,
                saturation=entropy_maps / math.log2(of_maps.shape[1]),
                null_mean=float(null.mean()),
                null_std=float(null.std(ddof=1)),
            )
        )
    return results


def _warn_of_saturation(result: MultivariateInformation, channels: int) -> None:
    if result.saturation > SaturationWarning.limit:
        warnings.warn(
            f"the entropy of the {channels} channels is {result.saturation:.1%} of log2 n: all samples differ, and the "
            "information is that of the input for any layer; use scale_bandwidth=True or a larger bandwidth",
            SaturationWarning,
            stacklevel=3,
        )
    elif not result.information > result.null_mean + 2 * result.null_std:
        warnings.warn(
            f"the information of {result.information:.4f} bits is not larger than that of shuffled samples, "
            f"{result.null_mean:.4f} ± {result.null_std:.4f} bits",
            SaturationWarning,
            stacklevel=3,
        )
