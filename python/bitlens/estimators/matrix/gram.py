"""Gaussian kernels as exponents: a product of Gram matrices is then a sum, whose entropy one kernel computes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    array_namespace,
    as_channel_maps,
    as_class_indices,
    call_kernel,
    check_positive,
    check_same_device,
    check_seed,
    rescale_for_squares,
)
from bitlens.estimators.matrix.bandwidths import Bandwidth, sigmas

# From this number of samples on, LAPACK and cuSOLVER decompose one matrix faster with their own parallel code.
_LARGE = 1024
# The exponent between samples of different classes: exp(-1e4) is 0.
_DIFFERENT_CLASSES = 1e4


def join_variables(exponents: list[Any], contexts: list[ArrayContext], name: str) -> Any:
    """Concatenate the exponents of variables, which must be of the same samples and on one device."""
    sizes = [len(variable[0]) for variable in exponents]
    for size in sizes:
        if size != sizes[0]:
            raise ValueError(f"{name}: expected the same samples in each, got {sizes[0]} and {size}")
    check_same_device(contexts, name)
    return concatenate(exponents)


def input_and_channels(
    x: Array, maps: Array, bandwidth_x: Bandwidth, bandwidth: Bandwidth, channel_axis: int, *, tensor: bool = False
) -> tuple[Any, Any, ArrayContext]:
    """Compute the exponents of x [1, n, n] and of every channel [channels, n, n], and check that they fit together."""
    of_maps, context = channel_exponents(maps, "maps", bandwidth, channel_axis, as_one=tensor)
    of_x, context_x = variable_exponents(x, "x", bandwidth_x)
    if len(of_x[0]) != len(of_maps[0]):
        raise ValueError(f"x: expected the {len(of_maps[0])} samples of maps, got {len(of_x[0])}")
    check_same_device([context, context_x], "x")
    return of_x, of_maps, context


def concatenate(exponents: Iterable[Any]) -> Any:
    """Concatenate arrays or tensors along the first axis."""
    arrays = list(exponents)
    return array_namespace(arrays[0]).concatenate(arrays)


def variable_exponents(x: Array, name: str, bandwidth: Bandwidth) -> tuple[Any, ArrayContext]:
    """Compute the exponents of one variable, [1, n, n]; its Gram matrix is exp(-exponents)."""
    if getattr(x, "ndim", None) == 1 and not any(kind in str(x.dtype) for kind in ("float", "complex")):
        context = ArrayContext.of(x)
        classes = as_class_indices(x, len(x), name)
        if len(classes) < 2:
            raise ValueError(f"{name}: expected at least 2 samples, got {len(classes)}")
        exponents = np.where(classes[:, None] == classes, 0.0, _DIFFERENT_CLASSES)
        return context.to_device(exponents[None]), context
    if getattr(x, "ndim", 0) < 2 and hasattr(x, "shape"):
        raise ValueError(
            f"{name}: expected shape (samples, ...), got {tuple(x.shape)}; a single feature is (n, 1), classes are "
            "integers"
        )
    return channel_exponents(x, name, bandwidth, 1, as_one=True)


def channel_exponents(
    maps: Array, name: str, bandwidth: Bandwidth, channel_axis: int, *, as_one: bool
) -> tuple[Any, ArrayContext]:
    """Compute the exponents of every channel, [channels, n, n], or [1, n, n] of all values as one channel."""
    values, context, _ = as_channel_maps(maps, name, channel_axis=channel_axis, cuda=True)
    if as_one:
        values = values.reshape(len(values), 1, -1)
    n, channels, length = values.shape
    if n < 2:
        raise ValueError(f"{name}: expected at least 2 samples, got {n}")
    values, units = rescale_for_squares(values, name, (0, 2))
    exponents = context.empty((channels, n, n), "float64")
    call_kernel(context, _core.squared_distances, values, exponents)
    sigma = sigmas(bandwidth, exponents, units.reshape(-1), length, context)
    exponents /= (2 * sigma**2)[:, None, None]
    return exponents, context


def shuffle_orders(n: int, permutations: int, seed: int) -> list[NDArray]:
    """The orders of the samples in a null distribution."""
    random = np.random.default_rng(check_seed(seed))
    return [random.permutation(n) for _ in range(permutations)]


def with_shuffles(of_x: Any, context: ArrayContext, orders: Sequence[NDArray]) -> Any:
    """Stack the exponents of x and those of x with its samples in each of the orders, [1 + orders, n, n]."""
    n = of_x.shape[1]
    stacked = context.empty((1 + len(orders), n, n), "float64")
    stacked[0] = of_x[0]
    for row, order in enumerate(orders, 1):
        on_device = context.to_device(order)
        stacked[row] = of_x[0][on_device[:, None], on_device]
    return stacked


def joint_of_channels(of_maps: Any, scale_bandwidth: bool) -> Any:
    """Compute the exponents of the joint variable of all channels, [1, n, n], from those of every channel."""
    return of_maps.sum(0, keepdims=True) / (len(of_maps) if scale_bandwidth else 1)


def entropies(exponents: Any, sets: Sequence[Sequence[int]], alpha: float, context: ArrayContext) -> Any:
    """Compute the Renyi entropy in bits of the product of kernels in each set of indices, [sets]."""
    n = exponents.shape[1]
    alpha = check_positive(alpha, "alpha")
    if n >= _LARGE and alpha != 2:
        return _entropies_by_lapack(exponents, sets, alpha, context)
    starts = np.cumsum([0, *map(len, sets)])
    members = np.concatenate([np.asarray(indices, np.int64) for indices in sets])
    weights = np.ones(len(members))
    result = context.empty((len(sets),), "float64")
    operands = [exponents, *map(context.to_device, (starts, members, weights))]
    workspace = context.spectrum_workspace(len(sets), n)
    call_kernel(context, _core.renyi_entropies, *operands, float(alpha), result, workspace)
    return result


def _entropies_by_lapack(exponents: Any, sets: Sequence[Sequence[int]], alpha: float, context: ArrayContext) -> Any:
    """Compute the same entropies with LAPACK or cuSOLVER, one set after the other."""
    xp = array_namespace(exponents)
    result = context.empty((len(sets),), "float64")
    for s, members in enumerate(sets):
        spectrum = xp.linalg.eigvalsh(xp.exp(-exponents[list(members)].sum(0)) / exponents.shape[1]).clip(0)
        spectrum = spectrum / spectrum.sum()
        spectrum = spectrum[spectrum > 0]
        logs = xp.log(spectrum)
        if alpha == 1:
            result[s] = -(spectrum * logs).sum() / math.log(2)
        elif alpha > 2:
            largest = spectrum.max()
            log_of_trace = alpha * xp.log(largest) + xp.log(((spectrum / largest) ** alpha).sum())
            result[s] = log_of_trace / ((1 - alpha) * math.log(2))
        else:
            # log1p and expm1 keep the digits that log2(sum(spectrum**alpha)) loses when alpha is close to 1.
            trace_minus_one = (spectrum * xp.expm1((alpha - 1) * logs)).sum()
            result[s] = xp.log1p(trace_minus_one) / ((1 - alpha) * math.log(2))
    return result.clip(0, math.log2(exponents.shape[1]))
