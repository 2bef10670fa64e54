"""The permutation test: the value of a biased statistic for samples that are not related."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlens.arrays import Array, as_array, check_integer, check_same_samples, check_seed, describe, is_tensor

_RELATIVE_ROUNDING = 1e-9
_ABSOLUTE_ROUNDING = 1e-12
"""For statistics that are 0 but for rounding, in their unit; entropies are known to about 1e-14 bits."""


@dataclass(frozen=True)
class PermutationResult:
    """A statistic and its null distribution under permutation; every array has the shape of the statistic."""

    observed: Any
    """The statistic of the matched samples."""
    null_mean: Any
    """Mean of the statistic over permutations."""
    null_std: Any
    """Standard deviation of the statistic over permutations (n - 1 in the denominator)."""
    excess: Any
    """Observed minus null mean."""
    p_value: Any
    """(1 + number of null values not below the observed value) / (1 + permutations); values that differ by rounding are
    equal."""
    permutations: int
    seed: int


def permutation_test(
    statistic: Callable[[Any, Any], Any], a: Array, b: Array, permutations: int = 20, seed: int = 0
) -> PermutationResult:
    """Compare a statistic of two arrays with its values when the samples of b are shuffled.

    Shuffling keeps the distribution of b and removes its relation to a. Estimates of mutual information from finite
    samples are biased upward, and the mean over permutations estimates this bias: excess = observed - null mean.

    Parameters
    ----------
    statistic : callable
        Function of (a, b) that returns a number or an array of numbers.
    a, b : arrays of shape (n, ...)
        The same samples along the first axis.
    permutations : int
        Number of shuffles, at least 2.
    seed : int
        The same seed shuffles in the same way; 0 or more.

    Returns
    -------
    PermutationResult
        In the unit of the statistic; floats if the statistic is a number. The p-value is from 1 / (1 + permutations) to
        1.

    Raises
    ------
    TypeError, ValueError
        If a or b is not an array, they do not have the same number of samples, permutations is below 2, or the
        statistic does not return numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a, b = np.random.default_rng(0).normal(size=(2, 100, 1))
    >>> result = bitlens.permutation_test(bitlens.channel_mutual_information, a, b)
    >>> bool(abs(result.excess[0, 0]) < 3 * result.null_std[0, 0] < result.observed[0, 0])
    True
    """
    a, b = as_array(a, "a"), as_array(b, "b")
    for array, name in ((a, "a"), (b, "b")):
        if array.ndim == 0:
            raise TypeError(f"{name}: expected samples along the first axis, got {describe(array)}")
    check_same_samples(a, b)
    count = check_integer(permutations, "permutations")
    if count < 2:
        raise ValueError(f"permutations: expected at least 2, got {count}")
    number = check_seed(seed)
    random = np.random.default_rng(number)

    observed = _as_float64(statistic(a, b))
    # Welford's running moments, so that the values of all permutations need not be in memory together.
    mean: Any = observed * 0.0
    squares: Any = observed * 0.0
    not_below: Any = observed * 0.0
    # Shuffles that give the same value in exact arithmetic must not be told apart by rounding.
    rounding = _RELATIVE_ROUNDING * abs(observed) + _ABSOLUTE_ROUNDING
    for step in range(1, count + 1):
        value = _as_float64(statistic(a, b[random.permutation(len(b))]))
        change = value - mean
        mean = mean + change / step
        squares = squares + change * (value - mean)
        not_below = not_below + (value >= observed - rounding)
    return PermutationResult(
        observed=observed,
        null_mean=mean,
        null_std=(squares / (count - 1)) ** 0.5,
        excess=observed - mean,
        p_value=(1 + not_below) / (1 + count),
        permutations=count,
        seed=number,
    )


def _as_float64(value: Any) -> Any:
    """Convert a number or an array of numbers to float64, so that the moments keep their digits."""
    if is_tensor(value):
        return value.double()
    if isinstance(value, np.ndarray) and value.ndim:
        return value.astype(np.float64)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"statistic: expected it to return a number or an array, got {type(value).__name__}") from None
