"""Matrix-based Renyi entropies of samples: how much a layer keeps of the input, and how its channels share it.

Of kernels exp(-d^2 / (2 sigma^2)); a joint entropy is that of their product (Yu et al. 2018, eq. 2 and 3), which is one
exponential of the sum of scaled distances. Products of many kernels tend to the identity, whatever they are made of. So
in a joint of C channels each sigma is multiplied by sqrt(C), unless `saturating` asks for the paper's plain product.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import Array, ArrayContext, check_integer
from bitlens.estimators.matrix.bandwidths import Bandwidth, Median
from bitlens.estimators.matrix.gram import concatenate, entropies, input_and_channels, together, variable, with_shuffles


class SaturationWarning(UserWarning):
    """An information says little: of a layer whose entropy is nearly log2 n, or no more than that of shuffled samples."""

    limit = 0.98
    """Share of log2 n beyond which an entropy is nearly log2 n."""


class MultivariateInformation(NamedTuple):
    """Information between x and all channels of a layer at once, in bits, and what to judge it by."""

    information: float
    entropy_x: float
    entropy_maps: float
    joint_entropy: float
    saturation: float
    """entropy_maps / log2 n. At 1 all samples differ from each other, and nothing else can be said of them."""
    null_mean: float
    """Of the information when the samples of x are shuffled."""
    null_std: float


def renyi_entropy(x: Array, alpha: float = 1.01, bandwidth: Bandwidth = Median()) -> float:  # noqa: B008
    """Matrix-based Renyi entropy of samples, in bits.

    S_alpha(A) = log2(tr A^alpha) / (1 - alpha) of the kernel matrix A of trace 1 (Yu et al. 2018, eq. 2).

    Parameters
    ----------
    x : array of shape (n, ...), or integers of shape (n,)
        Samples along the first axis, the rest is flattened; or classes, whose kernel is 1 within a class and 0 between.
    alpha : float
        Order, above 0; 1 is von Neumann's entropy.
    bandwidth : float, Median, Silverman, NearestNeighbors, Dimension or Alignment
        Sigma, or a rule for it.

    Returns
    -------
    float
        Bits, from 0 (all samples alike) to log2(n) (all far apart).

    Raises
    ------
    TypeError, ValueError
        If x is no finite array of at least two samples, or alpha or bandwidth do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> round(bitlens.renyi_entropy(np.array([0, 0, 1, 1])), 12)
    1.0
    """
    exponents, context = variable(x, "x", bandwidth)
    return float(entropies(exponents, [[0]], alpha, context)[0])


def renyi_joint_entropy(
    variables: Sequence[Array],
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
    *,
    saturating: bool = False,
) -> float:
    """Joint matrix-based Renyi entropy of several variables of the same samples, in bits (Yu et al. 2018, eq. 3).

    Parameters
    ----------
    variables : sequence of arrays
        Each as `renyi_entropy` takes it.
    alpha, bandwidth
        As in `renyi_entropy`; a rule is applied to each variable by itself.
    saturating : bool
        Whether each sigma stays what it is. By default it is multiplied by the root of the number of variables.

    Returns
    -------
    float
        Bits, from 0 to log2(n).

    Raises
    ------
    TypeError, ValueError
        As `renyi_entropy`, or if the variables are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> round(bitlens.renyi_joint_entropy([a, b]), 12)
    2.0
    """
    if not len(variables):
        raise ValueError("variables: expected at least one")
    parts = [variable(part, f"variables[{i}]", bandwidth) for i, part in enumerate(variables)]
    context = parts[0][1]
    exponents = together([part for part, _ in parts], [place for _, place in parts], "variables")
    joint = exponents.sum(0, keepdims=True) / (1 if saturating else len(exponents))
    return float(entropies(joint, [[0]], alpha, context)[0])


def renyi_mutual_information(
    x: Array,
    y: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
) -> float:
    """Matrix-based mutual information of two variables, in bits: S(X) + S(Y) - S(X, Y).

    Each keeps its own sigma in the joint. The value is biased upward: compare it with its null, by `permutation_test`.

    Parameters
    ----------
    x, y : arrays
        Of the same samples, each as `renyi_entropy` takes it.
    alpha, bandwidth
        As in `renyi_entropy`.

    Returns
    -------
    float
        Bits.

    Raises
    ------
    TypeError, ValueError
        As `renyi_entropy`, or if x and y are not of the same samples.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a = np.array([0, 0, 1, 1])
    >>> round(bitlens.renyi_mutual_information(a, a), 12)
    1.0
    """
    (left, context), (right, other) = variable(x, "x", bandwidth), variable(y, "y", bandwidth)
    exponents = together([left, right], [context, other], "y")
    of_x, of_y, joint = entropies(exponents, [[0], [1], [0, 1]], alpha, context)
    return float(of_x + of_y - joint)


def multivariate_information(
    x: Array,
    maps: Array,
    alpha: float = 1.01,
    bandwidth: Bandwidth = Median(),  # noqa: B008
    *,
    bandwidth_x: Bandwidth = Median(),  # noqa: B008
    saturating: bool = False,
    tensor: bool = False,
    permutations: int = 20,
    seed: int = 0,
    channel_axis: int = 1,
) -> MultivariateInformation:
    """Information between x and all channels of a layer at once, in bits (Yu et al. 2018, eq. 4 and 5).

    Warns, by `SaturationWarning`, where the layer's entropy is nearly log2 n, or the information no more than that of
    shuffled samples: the number then says nothing about the layer.

    Parameters
    ----------
    x : array of shape (n, ...), or integers of shape (n,)
        The input, or the labels, as `renyi_entropy` takes them.
    maps : array of shape (n, channels, ...)
        Feature maps; in shape (n, channels) every unit is a channel.
    alpha : float
        Order, above 0.
    bandwidth, bandwidth_x
        Of the channels, where a sequence gives one sigma a channel, and of x.
    saturating : bool
        Whether the channels' sigmas stay what they are in a joint (the paper), or are multiplied by sqrt(channels).
    tensor : bool
        Whether all values of a layer have one kernel (Wickstrom et al. 2023), in place of one kernel a channel.
    permutations, seed : int
        Shuffles of x for the null, at least 2; the same seed gives the same shuffles.
    channel_axis : int
        Where the channels are.

    Returns
    -------
    MultivariateInformation
        Floats, in bits.

    Raises
    ------
    TypeError, ValueError
        If x and maps are not finite arrays of the same samples, at least two, or a parameter does not fit.

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
    about = with_shuffles(of_x, context, count, seed)
    (result,) = informations([about], of_maps, context, alpha, saturating)
    _warn_of_saturation(result, len(of_maps))
    return result


def informations(
    targets: Sequence[Any], of_maps: Any, context: ArrayContext, alpha: float, saturating: bool
) -> list[MultivariateInformation]:
    """The same about several x, each `with_shuffles`, from every channel's exponents [channels, n, n]; without a warning."""
    layer = of_maps.sum(0, keepdims=True) / (1 if saturating else len(of_maps))
    each = len(targets[0])
    places = range(1, 1 + each * len(targets))
    sets = [[0], *([place] for place in places[::each]), *([place, 0] for place in places)]
    found = entropies(concatenate([layer, *targets]), sets, alpha, context)
    entropy_maps, *of_targets = (float(value) for value in found[: 1 + len(targets)])
    joints = found[1 + len(targets) :].reshape(len(targets), each)
    results = []
    for entropy_x, row in zip(of_targets, joints, strict=True):
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


def _warn_of_saturation(found: MultivariateInformation, channels: int) -> None:
    if found.saturation > SaturationWarning.limit:
        warnings.warn(
            f"the entropy of the {channels} channels is {found.saturation:.1%} of log2 n: all samples differ, and the "
            "information is that of the input whatever the layer does; use saturating=False or a larger bandwidth",
            SaturationWarning,
            stacklevel=3,
        )
    elif not found.information > found.null_mean + 2 * found.null_std:
        warnings.warn(
            f"the information of {found.information:.4f} bits is no more than that of shuffled samples, "
            f"{found.null_mean:.4f} ± {found.null_std:.4f}",
            SaturationWarning,
            stacklevel=3,
        )
