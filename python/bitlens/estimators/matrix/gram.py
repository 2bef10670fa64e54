"""Gaussian kernels as exponents: a product of Gram matrices is then a sum, whose entropy one kernel computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from bitlens import _core
from bitlens.arrays import (
    Array,
    ArrayContext,
    NDArray,
    array_namespace,
    as_array,
    as_class_indices,
    call_kernel,
    check_positive,
    check_same_device,
    check_seed,
    need_no_rescaling,
    warn_caller,
)
from bitlens.estimators.channels.squares import channel_values, squared_distances
from bitlens.estimators.matrix.bandwidths import Bandwidth, classes_for_kernels, exponents_of_squares
from bitlens.estimators.matrix.kernels import Gaussian, Linear
from bitlens.estimators.matrix.spectra import entropies_of_spectra, is_large, share_of_rounding

DIFFERENT_CLASSES = 1e4
"""The exponent between samples of different classes: exp(-1e4) is 0."""

_FLOAT32_SAMPLES = range(64, 513)

Result = TypeVar("Result")


class PrecisionWarning(UserWarning):
    """A matrix-based entropy is less precise than it should be.

    Either eigenvalues that cannot be told from rounding errors were left out of an entropy of an order below 1, or an
    estimate does not attain its tolerance. The message contains a bound or the standard error, in bits.
    """

    limit = 1e-3
    """The bound of what was left out, in bits, above which the warning is issued."""


def join_variables(exponents: list[Any], contexts: list[ArrayContext], name: str) -> Any:
    """Concatenate the exponents of variables, which must be of the same samples and on one device."""
    sizes = [len(variable[0]) for variable in exponents]
    for size in sizes:
        if size != sizes[0]:
            raise ValueError(f"{name}: expected the same samples in each, got {sizes[0]} and {size}")
    check_same_device(contexts, name)
    return concatenate(exponents)


def input_and_channels(
    x: Array,
    maps: Array,
    bandwidth_x: Bandwidth,
    bandwidth: Bandwidth,
    channel_axis: int,
    *,
    tensor: bool = False,
    deferred: bool = False,
) -> tuple[Any, Any, ArrayContext]:
    """Compute the exponents of x [1, n, n] and of every channel [channels, n, n], and check that they fit together."""
    of_maps, context = channel_exponents(maps, "maps", bandwidth, channel_axis, as_one=tensor, deferred=deferred)
    of_x, context_x = variable_exponents(x, "x", bandwidth_x, "bandwidth_x", deferred=deferred)
    if len(of_x[0]) != len(of_maps[0]):
        raise ValueError(f"x: expected the {len(of_maps[0])} samples of maps, got {len(of_x[0])}")
    check_same_device([context, context_x], "x")
    return of_x, of_maps, context


def concatenate(exponents: Iterable[Any]) -> Any:
    """Concatenate arrays or tensors along the first axis."""
    arrays = list(exponents)
    return array_namespace(arrays[0]).concatenate(arrays)


def are_classes(x: Any, name: str) -> bool:
    """Whether x are class labels of at least two samples, and not an array of samples."""
    if x.ndim == 1 and not any(kind in str(x.dtype) for kind in ("float", "complex")):
        if len(x) < 2:
            raise ValueError(f"{name}: expected at least 2 samples, got {len(x)}")
        return True
    if x.ndim < 2:
        raise ValueError(
            f"{name}: expected shape (samples, ...), got {tuple(x.shape)}; a single feature is (n, 1), classes are "
            "integers"
        )
    return False


def classes_of(x: Any, name: str) -> NDArray | None:
    """Convert class labels of at least two samples to int64; None if x is an array of samples."""
    return as_class_indices(x, len(x), name) if are_classes(x, name) else None


def variable_exponents(
    x: Array, name: str, bandwidth: Bandwidth, argument: str = "bandwidth", *, deferred: bool = False
) -> tuple[Any, ArrayContext]:
    """Compute the exponents of one variable, [1, n, n]; its Gram matrix is exp(-exponents)."""
    given: Any = as_array(x, name)
    if are_classes(given, name):
        context = ArrayContext.of(given)
        classes, invalid = classes_for_kernels(given, len(given), name, context, deferred=deferred)
        exponents = context.astype(classes[None, :, None] != classes, "float64")
        exponents *= DIFFERENT_CLASSES
        exponents += invalid
        return exponents, context
    return channel_exponents(given, name, bandwidth, 1, as_one=True, argument=argument, deferred=deferred)


def channel_exponents(
    maps: Array,
    name: str,
    bandwidth: Bandwidth,
    channel_axis: int,
    *,
    as_one: bool,
    argument: str = "bandwidth",
    deferred: bool = False,
) -> tuple[Any, ArrayContext]:
    """Compute the exponents of every channel, [channels, n, n], or [1, n, n] of all values as one channel.

    If checks are `deferred`, the exponents of a channel on a GPU are NaN where they would fail; see `checked_late`.
    """
    values, units, context = channel_values(maps, name, channel_axis, as_one=as_one, deferred=deferred)
    deferred = deferred and context.on_cuda
    squares = squared_distances(values, context)
    units = units.reshape(-1) + squares[:, 0, 0] * 0  # one for each channel
    length = values.shape[2]
    exponents = exponents_of_squares(squares, bandwidth, units, length, context, argument, deferred=deferred)
    if deferred:
        xp = array_namespace(values)
        exponents += xp.where(need_no_rescaling(values, (0, 2)), 0.0, xp.nan)[:, None, None]
    return exponents, context


def checked_late(
    compute: Callable[[bool], Result], is_sound: Callable[[Result], bool], kernel: Gaussian | Linear, *samples: Any
) -> Result:
    """Compute from kernels of samples with checks that do not make the host wait for a GPU.

    `compute(True)` defers the checks of values, labels and bandwidths: where one fails, the result is NaN and not
    sound. `compute(False)` then says what is wrong, or scales the values so that their squares are finite.
    """
    n = max(len(x) if x.ndim else 0 for x in samples)
    context = next((context for context in map(ArrayContext.of, samples) if context.on_cuda), None)
    # A linear kernel may have no entropy, and cuSOLVER refuses matrices with NaN.
    if isinstance(kernel, Gaussian) and context is not None and not is_large(n, 1, context):
        result = compute(True)
        if is_sound(result):
            return result
    return compute(False)


def shuffle_orders(n: int, permutations: int, seed: int) -> list[NDArray]:
    """The orders of the samples in a null distribution."""
    random = np.random.default_rng(check_seed(seed))
    return [random.permutation(n) for _ in range(permutations)]


def with_shuffles(of_x: Any, context: ArrayContext, orders: Sequence[NDArray]) -> Any:
    """Stack the exponents of x and those of x with its samples in each of the orders, [1 + orders, n, n]."""
    n = of_x.shape[1]
    stacked = context.empty((1 + len(orders), n, n), "float64")
    stacked[0] = of_x[0]
    for row, order in enumerate(context.to_device(np.array(orders, np.int64).reshape(-1, n)), 1):
        stacked[row] = of_x[0][order[:, None], order]
    return stacked


def joint_of_channels(of_maps: Any, scale_bandwidth: bool) -> Any:
    """Compute the exponents of the joint variable of all channels, [1, n, n], from those of every channel."""
    return of_maps.sum(0, keepdims=True) / (len(of_maps) if scale_bandwidth else 1)


def type_of_kernels(variables: Sequence[Any], alpha: float, context: ArrayContext) -> str:
    """The type in which the `entropies` of these variables are computed.

    On a GPU, float32 samples have kernels in float32, which changes an entropy by at most 2e-6 bits if there are 64 to
    512 samples: twice as many matrices fit into its shared memory, and some GPUs compute in float64 at a fraction of
    their rate. Orders below 1 and above 2 magnify rounding errors. Order 2 keeps no matrix.
    """
    samples = [str(x.dtype) for x in variables if x.ndim > 1]
    narrow = bool(samples) and all(dtype.endswith(("float32", "float16")) for dtype in samples)
    precise_enough = 1 <= alpha < 2 and len(variables[0]) in _FLOAT32_SAMPLES
    return "float32" if context.on_cuda and narrow and precise_enough else "float64"


def entropies(
    exponents: Any, sets: Sequence[Sequence[int]], alpha: float, context: ArrayContext, dtype: str = "float64"
) -> Any:
    """Compute the Renyi entropy in bits of the product of kernels in each set of indices, [sets].

    Kernels are computed in the type that `type_of_kernels` returns.

    Below alpha = 1, eigenvalues of n samples that are below n * eps of the largest one are discarded, because they
    cannot be told from rounding errors. A `PrecisionWarning` says how many bits they could carry.
    """
    n = exponents.shape[1]
    alpha = check_positive(alpha, "alpha")
    if is_large(n, len(sets), context) and alpha != 2:
        result, kept = _entropies_by_lapack(exponents, sets, alpha, context)
    else:
        starts = np.cumsum([0, *map(len, sets)])
        places = context.to_device(np.concatenate([starts, *(np.asarray(indices, np.int64) for indices in sets)]))
        exponents = exponents if dtype == "float64" else context.astype(exponents, dtype)
        operands = exponents, places[: len(starts)], places[len(starts) :], context.ones(int(starts[-1]))
        result, kept = (context.empty((len(sets),), "float64") for _ in range(2))
        workspace = context.spectrum_workspace(0 if alpha == 2 else len(sets), n)
        call_kernel(context, _core.renyi_entropies, *operands, alpha, result, kept, workspace)
    if alpha < 1:
        _warn_of_discarded(exponents, sets, alpha, result, kept)
    return result


def _entropies_by_lapack(
    exponents: Any, sets: Sequence[Sequence[int]], alpha: float, context: ArrayContext
) -> tuple[Any, Any]:
    """Compute the same entropies, and the numbers of eigenvalues that count, with LAPACK or cuSOLVER, one by one."""
    xp, n = array_namespace(exponents), exponents.shape[1]
    result, kept = (context.empty((len(sets),), "float64") for _ in range(2))
    for s, members in enumerate(sets):
        spectrum = xp.linalg.eigvalsh(xp.exp(-exponents[list(members)].sum(0)) / n)
        bits, counts = entropies_of_spectra(spectrum[None], alpha, share_of_rounding(n) if alpha < 1 else 0)
        result[s], kept[s] = bits[0], counts[0]
    return result, kept


def _warn_of_discarded(exponents: Any, sets: Sequence[Sequence[int]], alpha: float, bits: Any, kept: Any) -> None:
    """Warn if the discarded eigenvalues of any set could carry more bits than `PrecisionWarning.limit`.

    Equal samples have equal rows in the kernel, so that a kernel of r distinct samples has at most r eigenvalues above
    0. The other r - kept were discarded.
    """
    xp, n = array_namespace(exponents), exponents.shape[1]
    largest_bound = 0.0
    entropies_of_sets, numbers = xp.stack([bits, kept]).tolist()
    incomplete = [s for s, number in enumerate(numbers) if number < n]
    if not incomplete:
        return
    # One number a set, and not one mask a set: the host waits once for a GPU.
    repeated = xp.stack([xp.tril(exponents[list(sets[s])].sum(0) == 0, -1).any(1).sum() for s in incomplete]).tolist()
    for s, equal_to_earlier in zip(incomplete, repeated, strict=True):
        entropy, number, distinct = entropies_of_sets[s], numbers[s], n - equal_to_earlier
        if distinct > number:
            bound = bits_of_discarded(distinct - number, share_of_rounding(n), alpha, entropy)
            largest_bound = max(largest_bound, min(bound, math.log2(distinct) - entropy))
    if largest_bound > PrecisionWarning.limit:
        warn_caller(
            f"alpha: expected an order at which rounding errors of the kernel are negligible, got {alpha:g}; "
            f"eigenvalues below {share_of_rounding(n):.1e} of the largest one are left out, which could carry up to "
            f"{largest_bound:.2g} bits; use a larger alpha or a smaller bandwidth",
            PrecisionWarning,
        )


def bits_of_discarded(count: float, largest: float, alpha: float, entropy: float) -> float:
    """Bound the bits that an entropy of order alpha < 1 lacks without `count` eigenvalues of at most `largest` each.

    With m = count, t = largest and a trace of 1, the others sum to at least 1 - m t. The sum of the alpha-th powers is
    therefore at most (1 - m t)^alpha 2^((1 - alpha) S) + m t^alpha, and the bound is its log2 / (1 - alpha), less S.
    """
    of_others = math.expm1(alpha * math.log1p(-count * largest))
    powers = count * largest**alpha / 2 ** ((1 - alpha) * entropy)
    return math.log1p(of_others + powers) / ((1 - alpha) * math.log(2))
