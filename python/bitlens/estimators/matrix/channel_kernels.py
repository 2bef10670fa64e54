"""Kernels of x and of the channels of a layer: exponents of Gaussian kernels are added, linear kernels multiplied."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    array_namespace,
    as_array,
    check_positive,
    check_same_device,
    warn_caller,
)
from bitlens.estimators.channels.squares import channel_values
from bitlens.estimators.matrix.bandwidths import Bandwidth
from bitlens.estimators.matrix.gram import classes_of, entropies, input_and_channels, joint_of_channels
from bitlens.estimators.matrix.kernels import Gaussian, Kernel, Linear, kernel_or_bandwidth
from bitlens.estimators.matrix.linear_kernel import UndefinedWarning, entropies_of_matrices, kernel_rows

_BYTES_OF_PRODUCTS = 1 << 27
"""The products of matrices that are decomposed at the same time."""


class KernelPair(NamedTuple):
    """The kernel of x and that of the channels."""

    x: Gaussian | Linear
    maps: Gaussian | Linear

    @classmethod
    def of(cls, kernel: Kernel | None, bandwidth: Bandwidth | None, bandwidth_x: Bandwidth | None) -> KernelPair:
        """The kernels that a caller chose by a kernel of both, or by two bandwidths."""
        if kernel is not None and bandwidth_x is not None:
            raise ValueError(
                f"bandwidth_x: expected none together with a kernel, got {bandwidth_x!r} and {kernel!r}; pass kernel= "
                "alone, such as Gaussian(bandwidth)"
            )
        return cls(kernel_or_bandwidth(kernel, bandwidth_x), kernel_or_bandwidth(kernel, bandwidth))

    def replace_bandwidths(self, function: Callable[[Bandwidth], Bandwidth]) -> KernelPair:
        """The kernels with other bandwidths, where they have one."""
        changed = [Gaussian(function(k.bandwidth)) if isinstance(k, Gaussian) else k for k in self]
        return KernelPair(*changed)


class Combination(NamedTuple):
    """How the kernels of several variables, [variables, n, n], become that of their joint variable."""

    scaled: Callable[[Any, bool], Any]
    """The kernels as factors of a joint of all, whose bandwidths are multiplied or not."""
    joint: Callable[[Any, bool], Any]
    """The kernel of all, [1, n, n]."""
    all_but_each: Callable[[Any], Any]
    """The joint kernels of all variables but each, of scaled kernels."""
    entropies: Callable[[Any, Sequence[Sequence[int]], float, ArrayContext, str], Any]
    """The entropies in bits of the joint kernels of some sets of variables, [sets]; see `gram.type_of_kernels`."""


def kernels_of_input_and_channels(
    x: Array, maps: Array, kernels: KernelPair, channel_axis: int, *, tensor: bool = False, deferred: bool = False
) -> tuple[Any, Any, ArrayContext, Combination]:
    """Compute the kernels of x [1, n, n] and of every channel [channels, n, n], and how they are combined.

    Checks of Gaussian kernels may be `deferred`; see `checked_late`.
    """
    if isinstance(kernels.x, Gaussian) and isinstance(kernels.maps, Gaussian):
        bandwidths = kernels.x.bandwidth, kernels.maps.bandwidth
        of_both = input_and_channels(x, maps, *bandwidths, channel_axis, tensor=tensor, deferred=deferred)
        return *of_both, EXPONENTS
    assert isinstance(kernels.x, Linear)  # a linear kernel is that of both
    assert isinstance(kernels.maps, Linear)
    x = as_array(x, "x")
    of_maps, context = _channel_matrices(maps, "maps", kernels.maps, channel_axis, as_one=tensor)
    classes = classes_of(x, "x")
    if classes is None:
        of_x, context_x = _channel_matrices(x, "x", kernels.x, 1, as_one=True)
    else:
        context_x = ArrayContext.of(x)
        of_x = context_x.to_device((classes[:, None] == classes).astype(np.float64)[None])
    if len(of_x[0]) != len(of_maps[0]):
        raise ValueError(f"x: expected the {len(of_maps[0])} samples of maps, got {len(of_x[0])}")
    check_same_device([context, context_x], "x")
    for name, matrices in (("x", of_x), ("maps", of_maps)):
        _warn_of_zero(matrices, name)
    return of_x, of_maps, context, MATRICES


def _channel_matrices(
    maps: Array, name: str, kernel: Linear, channel_axis: int, *, as_one: bool
) -> tuple[Any, ArrayContext]:
    """The float64 linear kernels of every channel, [channels, n, n], or [1, n, n] of all values; 0 without spread."""
    values, _, context = channel_values(maps, name, channel_axis, as_one=as_one)
    rows, collapsed = kernel_rows(values.swapaxes(0, 1), None, kernel, context)
    matrices = rows @ rows.swapaxes(1, 2)
    matrices *= context.astype(~collapsed, "float64")[:, None, None]
    return matrices, context


def _warn_of_zero(matrices: Any, name: str) -> None:
    without = sum(not bool(matrix.any()) for matrix in matrices)
    if without:
        warn_caller(
            f"{name}: expected kernels that are not 0 everywhere, got {without} of {len(matrices)} without; a product "
            "with them has no entropy and is nan; leave these channels out",
            UndefinedWarning,
        )


def _entropies_of_products(
    matrices: Any, sets: Sequence[Sequence[int]], alpha: float, context: ArrayContext, _dtype: str
) -> Any:
    """Compute the entropies in bits of elementwise products of linear kernels, in float64; NaN where one is 0."""
    n, order = matrices.shape[1], check_positive(alpha, "alpha")
    result = context.empty((len(sets),), "float64")
    step = max(1, _BYTES_OF_PRODUCTS // (n * n * 8))
    for start in range(0, len(sets), step):
        part = sets[start : start + step]
        products = context.empty((len(part), n, n), "float64")
        for product, members in zip(products, part, strict=True):
            product[...] = math.prod(matrices[i] for i in members)
        traces = products.diagonal(0, 1, 2).sum(1)
        products /= (traces + (traces <= 0))[:, None, None]
        bits = entropies_of_matrices(products, order, context)
        bits[traces <= 0] = math.nan
        result[start : start + step] = bits
    return result


def _product(matrices: Any, _scale_bandwidth: bool) -> Any:
    """The product of all matrices, [1, n, n]; linear kernels have no bandwidth."""
    return math.prod(matrices)[None]


def _products_without_each(matrices: Any) -> Any:
    """The products of all matrices but each, of those before it and those after it, as matrices may have zeros."""
    before, after = [matrices[0] * 0 + 1], [matrices[0] * 0 + 1]
    for i in range(len(matrices) - 1):
        before.append(before[-1] * matrices[i])
        after.append(after[-1] * matrices[len(matrices) - 1 - i])
    xp = array_namespace(matrices)
    return xp.stack([a * b for a, b in zip(before, reversed(after), strict=True)])


def _scaled_exponents(exponents: Any, scale_bandwidth: bool) -> Any:
    return exponents / (len(exponents) if scale_bandwidth else 1)


EXPONENTS = Combination(
    _scaled_exponents,
    joint_of_channels,
    lambda scaled: scaled.sum(0, keepdims=True) - scaled,
    entropies,
)
"""Gaussian kernels, by their exponents."""
MATRICES = Combination(
    lambda matrices, _scale_bandwidth: matrices,
    _product,
    _products_without_each,
    _entropies_of_products,
)
"""Linear kernels, by their matrices."""
