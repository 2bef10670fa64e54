"""Gaussian kernels of samples by their exponents, so that a product of kernels is a sum, and entropies of such products."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    array_namespace,
    as_class_indices,
    call_kernel,
    channel_maps,
    check_integer,
    is_tensor,
    rescale_for_squares,
)
from bitlens.estimators.matrix.bandwidths import Bandwidth, sigmas

# From so many samples on, one eigenproblem is large enough for LAPACK's or cuSOLVER's own parallel code.
_LARGE = 1024
# The exponent between samples of different classes: exp(-1e4) is 0.
_APART = 1e4


def together(exponents: list[Any], families: list[ArrayContext], name: str) -> Any:
    """Exponents of variables of the same samples, in one array."""
    sizes = [len(part[0]) for part in exponents]
    for size in sizes:
        if size != sizes[0]:
            raise ValueError(f"{name}: expected the same samples in each, got {sizes[0]} and {size}")
    same_place(families, name)
    return concatenate(exponents)


def input_and_channels(
    x: Array, maps: Array, bandwidth_x: Bandwidth, bandwidth: Bandwidth, channel_axis: int, *, tensor: bool = False
) -> tuple[Any, Any, ArrayContext]:
    """Exponents of x [1, n, n] and of every channel [channels, n, n], of the same samples in one place."""
    of_maps, context = channel_exponents(maps, "maps", bandwidth, channel_axis, as_one=tensor)
    of_x, other = variable(x, "x", bandwidth_x)
    if len(of_x[0]) != len(of_maps[0]):
        raise ValueError(f"x: expected the {len(of_maps[0])} samples of maps, got {len(of_x[0])}")
    same_place([context, other], "x")
    return of_x, of_maps, context


def same_place(families: list[ArrayContext], name: str) -> None:
    """All on the CPU, or all on one GPU."""
    for context in families:
        if (context.on_cuda or families[0].on_cuda) and context.device != families[0].device:
            places = [place.device or "the CPU" for place in (families[0], context)]
            raise ValueError(f"{name}: expected arrays in one place, got {places[0]} and {places[1]}; move one of them")


def concatenate(parts: Iterable[Any]) -> Any:
    """Along the first axis."""
    arrays = list(parts)
    return array_namespace(arrays[0]).concatenate(arrays)


def variable(x: Array, name: str, bandwidth: Bandwidth) -> tuple[Any, ArrayContext]:
    """One variable's exponents [1, n, n]: its kernel is exp(-exponents)."""
    if getattr(x, "ndim", None) == 1 and str(getattr(x, "dtype", "")).rpartition(".")[2].startswith(("int", "uint")):
        context = ArrayContext(x.device) if is_tensor(x) else ArrayContext()
        classes = as_class_indices(x, len(x), name)
        if len(classes) < 2:
            raise ValueError(f"{name}: expected at least 2 samples, got {len(classes)}")
        return context.to_device(np.where(classes[:, None] == classes, 0.0, _APART)[None]), context
    if getattr(x, "ndim", 0) < 2 and hasattr(x, "shape"):
        raise ValueError(
            f"{name}: expected shape (samples, ...), got {tuple(x.shape)}; a single feature is (n, 1), classes are integers"
        )
    return channel_exponents(x, name, bandwidth, 1, as_one=True)


def channel_exponents(
    maps: Array, name: str, bandwidth: Bandwidth, channel_axis: int, *, as_one: bool
) -> tuple[Any, ArrayContext]:
    """Every channel's exponents [channels, n, n], or those of all values as one channel."""
    values, context, _ = channel_maps(maps, name, channel_axis=channel_axis, cuda=True)
    if as_one:
        values = values.reshape(len(values), 1, -1)
    n, channels, length = values.shape
    if n < 2:
        raise ValueError(f"{name}: expected at least 2 samples, got {n}")
    values, units = rescale_for_squares(values, name, (0, 2))
    squares = context.empty((channels, n, n), "float64")
    call_kernel(context, _core.squared_distances, values, squares)
    sigma = sigmas(bandwidth, squares, units.reshape(-1), length, context)
    squares /= (2 * sigma**2)[:, None, None]
    return squares, context


def with_shuffles(of_x: Any, context: ArrayContext, permutations: int, seed: int) -> Any:
    """Exponents of x, and of x with its samples shuffled so often [1 + permutations, n, n]; the seed makes the orders."""
    random = np.random.default_rng(check_integer(seed, "seed"))
    n = of_x.shape[1]
    found = context.empty((1 + permutations, n, n), "float64")
    found[0] = of_x[0]
    for row in range(1, 1 + permutations):
        order = context.to_device(random.permutation(n))
        found[row] = of_x[0][order[:, None], order]
    return found


def entropies(exponents: Any, sets: Sequence[Sequence[int]], alpha: float, context: ArrayContext) -> Any:
    """Entropies in bits of products of kernels, one for each set of them, [sets]."""
    n = exponents.shape[1]
    if not (isinstance(alpha, (int, float)) and 0 < alpha < math.inf):
        raise ValueError(f"alpha: expected a finite number above 0, got {alpha!r}")
    if n >= _LARGE and alpha != 2:
        return _of_large(exponents, sets, alpha, context)
    starts = np.cumsum([0, *map(len, sets)])
    members = np.concatenate([np.asarray(s, np.int64) for s in sets])
    result = context.empty((len(sets),), "float64")
    arguments = (context.to_device(part) for part in (starts, members, np.ones(len(members))))
    call_kernel(
        context, _core.renyi_entropies, exponents, *arguments, float(alpha), result, context.spectrum_workspace(len(sets), n)
    )  # fmt: skip
    return result


def _of_large(exponents: Any, sets: Sequence[Sequence[int]], alpha: float, context: ArrayContext) -> Any:
    """The same by LAPACK or cuSOLVER, a set at a time."""
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
            trace = (spectrum * xp.expm1((alpha - 1) * logs)).sum()
            result[s] = xp.log1p(trace) / ((1 - alpha) * math.log(2))
    return result.clip(0, math.log2(exponents.shape[1]))
