"""The permutation test: the value of a biased statistic for samples that are not related."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bitlens.arrays import Array, NDArray, check_integer, check_same_samples, check_seed, in_callers_library
from bitlens.estimators.intervals import as_float64, as_sample_array, excess_error, interval_of_excess

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
    standard_error: Any
    """Standard error of the excess by the delete-a-group jackknife; NaN unless intervals are asked for."""
    low: Any
    """Lower end of the 95 % interval of the excess (see `excess_interval`)."""
    high: Any
    """Upper end of the 95 % interval of the excess."""
    permutations: int
    seed: int


@in_callers_library
def permutation_test(
    statistic: Callable[[Any, Any], Any],
    a: Array,
    b: Array,
    permutations: int = 20,
    seed: int = 0,
    *,
    intervals: bool = False,
) -> PermutationResult:
    """Compare a statistic of two arrays with its values when the samples of b are shuffled.

    Shuffling keeps the distribution of b and removes its relation to a. Estimates of mutual information from finite
    samples are biased upward, and the mean over permutations estimates this bias: excess = observed - null mean. The
    difference is unbiased for samples that are not related; for related ones it is too small where the null mean is
    large (see `adjusted_information`). Values of different numbers of samples must not be compared.

    ``null_std`` is the standard deviation of the excess only if the samples are not related. The standard error of the
    excess of related samples takes (intervals=True) 16 groups of samples, each left out in turn, with 4 shuffles: 80
    more evaluations of fewer samples. See `jackknife`.

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
    intervals : bool
        Whether to compute the standard error of the excess and its interval, which needs 64 samples.

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
    x, y = as_sample_array(a, "a"), as_sample_array(b, "b")
    check_same_samples(x, y)
    count = check_integer(permutations, "permutations")
    if count < 2:
        raise ValueError(f"permutations: expected at least 2, got {count}")
    number = check_seed(seed)
    random = np.random.default_rng(number)

    orders = [random.permutation(len(y)) for _ in range(count)]

    def excess(kept: NDArray, induced: Sequence[NDArray]) -> Any:
        of_x, of_y = x[kept], y[kept]
        null = sum(as_float64(statistic(of_x, of_y[order])) for order in induced)
        return as_float64(statistic(of_x, of_y)) - null / len(induced)

    result = compared(as_float64(statistic(x, y)), (statistic(x, y[order]) for order in orders), number)
    if not intervals:
        return result
    error = excess_error(excess, orders, result.null_std, number)
    low, high = interval_of_excess(result.excess, error)
    return replace(result, standard_error=error, low=low, high=high)


def compared(observed: Any, null: Iterable[Any], seed: int) -> PermutationResult:
    """Compare a statistic with at least two values of its null distribution, from shuffles with this seed."""
    # Welford's running moments, so that the values of all permutations need not be in memory together.
    mean: Any = observed * 0.0
    squares: Any = observed * 0.0
    not_below: Any = observed * 0.0
    count = 0
    for value in map(as_float64, null):
        count += 1
        change = value - mean
        mean = mean + change / count
        squares = squares + change * (value - mean)
        not_below = not_below + (value >= least_tie(observed))
    unknown = squares * math.nan
    return PermutationResult(
        observed=observed,
        null_mean=mean,
        null_std=(squares / (count - 1)) ** 0.5,
        excess=observed - mean,
        p_value=(1 + not_below) / (1 + count),
        standard_error=unknown,
        low=unknown,
        high=unknown,
        permutations=count,
        seed=seed,
    )


def least_tie(observed: Any) -> Any:
    """The least null value that ties with the observed one.

    Shuffles that give the same value in exact arithmetic must not be told apart by rounding.
    """
    return observed - (_RELATIVE_ROUNDING * abs(observed) + _ABSOLUTE_ROUNDING)


def p_value_of(observed: Any, null: NDArray) -> Any:
    """The p-value of a value, or of an array of values, from the null values along the first axis; NaN without any."""
    if not len(null):
        return observed * math.nan
    return (1 + (null >= least_tie(observed)).sum(axis=0)) / (1 + len(null))
