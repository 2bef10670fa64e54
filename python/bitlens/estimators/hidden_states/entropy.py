"""The matrix-based entropy of hidden states: of the tokens of a prompt, or of the pooled vectors of many prompts."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, TypeAlias, overload

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayContext,
    Foreign,
    NDArray,
    as_numpy,
    check_integer,
    check_number,
    check_positive,
    check_seed,
    in_callers_library,
)
from bitlens.estimators.hidden_states.clouds import AnyStates, Clouds, ForeignStates, States, as_clouds
from bitlens.estimators.matrix.entropy_sums import Term, sum_of_entropies
from bitlens.estimators.matrix.kernels import Gaussian, Kernel, Linear, as_kernel
from bitlens.estimators.matrix.linear_kernel import linear_entropies, valid_rows, warn_of_undefined

Normalization: TypeAlias = Literal["log_n", "log_d", "max_entropy"]
_BYTES_OF_SHUFFLES = 1 << 26
"""The shuffled copies of a cloud that are decomposed at the same time."""
_NORMALIZATIONS = ("log_n", "log_d", "max_entropy")


class HiddenStateEntropy(NamedTuple):
    """The entropy of hidden states, its value for unrelated channels, and its mean over prompts.

    The first four have the shape of the entropy. For states [layers, prompts, tokens, D] the others have the shape of
    the layers; without an axis of prompts `mean` is the entropy and `standard_error` is NaN.
    """

    value: Any
    """The entropy, in bits unless another base or a normalization is chosen."""
    null_mean: Any
    """Mean entropy when each channel is shuffled over the tokens by itself; NaN without permutations."""
    null_std: Any
    """Standard deviation of the entropy over these shuffles (n - 1 in the denominator)."""
    gaussian: Any
    """Expected entropy of independent Gaussian rows of equal variances, log2 r - r / (2 R ln 2); NaN unless the kernel
    is linear and alpha is 1. r and R are the smaller and the larger one of D and n, or of D and n - 1 if centred."""
    mean: Any
    """Mean entropy over prompts; prompts without a value are left out."""
    standard_error: Any
    """Standard error of `mean`: the standard deviation over prompts divided by the square root of their number."""


@overload
def hidden_state_entropy(
    states: States,
    mask: Array | None = ...,
    *,
    kernel: Kernel = ...,
    alpha: float = ...,
    normalization: Normalization | None = ...,
    skip_first: int = ...,
    base: float = ...,
    full_output: Literal[False] = ...,
    permutations: int = ...,
    seed: int = ...,
) -> float | NDArray: ...
@overload
def hidden_state_entropy(
    states: ForeignStates[Foreign],
    mask: Array | None = ...,
    *,
    kernel: Kernel = ...,
    alpha: float = ...,
    normalization: Normalization | None = ...,
    skip_first: int = ...,
    base: float = ...,
    full_output: Literal[False] = ...,
    permutations: int = ...,
    seed: int = ...,
) -> float | Foreign: ...
@overload
def hidden_state_entropy(
    states: AnyStates,
    mask: Array | None = ...,
    *,
    kernel: Kernel = ...,
    alpha: float = ...,
    normalization: Normalization | None = ...,
    skip_first: int = ...,
    base: float = ...,
    full_output: Literal[True],
    permutations: int = ...,
    seed: int = ...,
) -> HiddenStateEntropy: ...
@in_callers_library
def hidden_state_entropy(
    states: AnyStates,
    mask: Array | None = None,
    *,
    kernel: Kernel = Linear(center=True, unit=True),  # noqa: B008
    alpha: float = 1.0,
    normalization: Normalization | None = None,
    skip_first: int = 0,
    base: float = 2,
    full_output: bool = False,
    permutations: int = 20,
    seed: int = 0,
) -> Any:
    """Compute the matrix-based entropy of the rows of hidden states, in bits.

    The entropy is that of the eigenvalues of the Gram matrix of the rows, divided by their sum (Sanchez Giraldo et al.
    2015; Skean et al. 2025, arXiv 2502.02013, eq. 1). Rows are the tokens of a prompt, which makes it the prompt
    entropy, or the vectors of many prompts from `pool_tokens`, which makes it the dataset entropy. By default rows are
    centred and then divided by their norms, as in the public code of Diff-eRank and of Skean et al. The value depends
    on the number of rows: compare only values of equal n, or with the null.

    Parameters
    ----------
    states : array of shape (..., n, D), or a sequence of such arrays
        One cloud [n, D]; one cloud for each layer [layers, n, D]; or [layers, prompts, tokens, D], which may be a tuple
        of arrays [prompts, tokens, D] whose D differ, such as `hidden_states` of transformers.
    mask : array of shape (prompts, tokens), optional
        1 for rows that count, 0 for padding on any side, which may hold anything, also NaN. It has the shape of the
        states without the layers and D.
    kernel : Linear, Cosine or Gaussian
        How the rows are compared. With Linear and Cosine, only the smaller Gram matrix, n x n or D x D, is computed.
    alpha : float
        Order of the entropy, above 0; 1 is von Neumann's entropy.
    normalization : {None, "log_n", "log_d", "max_entropy"}
        Divide by the logarithm of n, of D, or of the smaller one. n counts the rows of a cloud that are not masked.
    skip_first : int
        Number of rows at the start of each cloud that are left out, such as 1 for a special token.
    base : float
        Base of the logarithm; 2 for bits, math.e for nats.
    full_output : bool
        Whether to return a `HiddenStateEntropy`, with the null and the standard error over prompts.
    permutations : int
        Number of shuffles of the null for full_output, 0 for none, else at least 2.
    seed : int
        The same seed shuffles in the same way.

    Returns
    -------
    float, float64 array, or HiddenStateEntropy
        One value for each cloud: a float for [n, D], shape (layers,) or (layers, prompts). From 0 to the logarithm of
        min(n, D), or of min(n - 1, D) if centred; NaN for a cloud without spread, such as a single centred row.

    Raises
    ------
    TypeError, ValueError
        If the states are not finite arrays of the same rows, or another argument is invalid.

    Warns
    -----
    UndefinedWarning
        If any value is NaN; it counts them.

    Notes
    -----
    Rows in half precision are converted to float32 before anything else. The products of float32 rows are computed in
    float32, which changes the entropy by less than 1e-4 bits, and mostly by 1e-6; pass float64 rows for all digits.
    Orders below 1 are computed in float64.

    Examples
    --------
    Eight orthogonal tokens have 3 bits, and those of a longer prompt log2 of their number.

    >>> import numpy as np
    >>> import bitlens
    >>> states = np.stack([np.eye(16), np.eye(16) * 5])[None]  # [layers, prompts, tokens, D]
    >>> mask = np.arange(16) < np.array([[8], [16]])
    >>> bitlens.hidden_state_entropy(states, mask, kernel=bitlens.Linear()).round(12)
    array([[3., 4.]])
    """
    chosen, order = as_kernel(kernel), check_positive(alpha, "alpha")
    logarithm = _check_base(base)
    if normalization is not None and normalization not in _NORMALIZATIONS:
        raise ValueError(f"normalization: expected None or one of {', '.join(_NORMALIZATIONS)}, got {normalization!r}")
    shuffles, number = check_integer(permutations, "permutations"), check_seed(seed)
    if shuffles < 0 or shuffles == 1:
        raise ValueError(f"permutations: expected 0 or at least 2, got {shuffles}")
    clouds = as_clouds(states, mask, skip_first=skip_first)
    unit = clouds.context.to_device(np.asarray(_unit(clouds, normalization, logarithm)))
    bits = clouds.each(lambda x, valid: cloud_entropies(x, valid, chosen, order, clouds.context))
    warn_of_undefined(bits, "states", "clouds with spread")
    if not full_output:
        return clouds.numbers(bits / unit)
    null = _null(clouds, chosen, order, shuffles, number) / as_numpy(unit)
    gaussian = _gaussian_entropy(clouds, chosen, order) / as_numpy(unit)
    return _with_prompts(clouds, bits / unit, null, gaussian)


def cloud_entropies(x: Any, valid: Any, kernel: Gaussian | Linear, alpha: float, context: ArrayContext) -> Any:
    """Compute the entropy in bits of each cloud [clouds, n, D], float64 [clouds]; NaN where it is not defined."""
    if isinstance(kernel, Linear):
        return linear_entropies(x, valid, kernel, alpha, context)
    bits = [
        sum_of_entropies({"states": rows}, [Term(1, [0])], alpha, kernel, 1, None, 0, "states").value
        if len(rows) > 1
        else math.nan
        for rows in valid_rows(x, valid)
    ]
    return context.to_device(np.array(bits))


def _check_base(base: object) -> float:
    """The logarithm to base 2 of a base."""
    number = check_number(base, "base")
    if not 1 < number < math.inf:
        raise ValueError(f"base: expected a finite number above 1, got {base}; pass 2 for bits or math.e for nats")
    return math.log2(number)


def _unit(clouds: Clouds, normalization: str | None, logarithm: float) -> Any:
    """The number of bits by which each entropy is divided; NaN where it is 0."""
    if normalization is None:
        return np.full(clouds.shape, logarithm)
    n, width = np.maximum(clouds.token_counts, 1), clouds.widths
    of = {"log_n": n, "log_d": width, "max_entropy": np.minimum(n, width)}[normalization]
    return np.where(of > 1, np.log2(of), math.nan)


def _null(clouds: Clouds, kernel: Gaussian | Linear, alpha: float, shuffles: int, seed: int) -> NDArray:
    """The entropies of clouds whose channels are shuffled over the rows by themselves, [shuffles, ...]."""
    random, context = np.random.default_rng(seed), clouds.context
    null = []
    for batch, valid in zip(clouds.batches, clouds.valid, strict=True):
        for rows in valid_rows(batch, valid):
            of_cloud = np.full(shuffles, math.nan)
            step = max(1, _BYTES_OF_SHUFFLES // max(1, math.prod(rows.shape) * rows.itemsize))
            for start in range(0, shuffles if len(rows) else 0, step):
                count = min(step, shuffles - start)
                mixed = np.stack([random.permuted(as_numpy(rows), axis=0) for _ in range(count)])
                bits = cloud_entropies(context.to_device(mixed), None, kernel, alpha, context)
                of_cloud[start : start + count] = as_numpy(bits)
            null.append(of_cloud)
    return np.stack(null, axis=1).reshape(shuffles, *clouds.shape)


def _gaussian_entropy(clouds: Clouds, kernel: Gaussian | Linear, alpha: float) -> NDArray:
    """The expected entropy of independent Gaussian rows in bits."""
    if not isinstance(kernel, Linear) or alpha != 1:
        return np.full(clouds.shape, math.nan)
    n, width = clouds.token_counts - kernel.center, clouds.widths
    less, more = np.minimum(n, width), np.maximum(n, width)
    return np.where(less > 0, np.log2(np.maximum(less, 1)) - less / (2 * np.maximum(more, 1) * math.log(2)), math.nan)


def _with_prompts(clouds: Clouds, value: Any, null: NDArray, gaussian: NDArray) -> HiddenStateEntropy:
    """Everything about the entropies, whose last axis is that of the prompts if there are two."""
    of_prompts = as_numpy(value)
    if len(clouds.shape) < 2:
        mean, error = of_prompts, np.full(clouds.shape, math.nan)
    else:
        known = ~np.isnan(of_prompts)
        count = known.sum(-1)
        mean = np.where(known, of_prompts, 0).sum(-1) / np.where(count > 0, count, math.nan)
        squares = (np.where(known, of_prompts - mean[..., None], 0) ** 2).sum(-1)
        error = np.sqrt(squares / np.where(count > 1, (count - 1.0) * count, math.nan))
    unknown = np.full(clouds.shape, math.nan)
    arrays = (
        null.mean(axis=0) if len(null) else unknown,
        null.std(axis=0, ddof=1) if len(null) else unknown,
        gaussian,
        mean,
        error,
    )
    if not clouds.shape:
        return HiddenStateEntropy(float(value), *(float(array) for array in arrays))
    return HiddenStateEntropy(value, *map(np.asarray, arrays))
