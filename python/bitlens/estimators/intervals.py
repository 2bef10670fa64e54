"""Standard errors and intervals of estimates: the delete-a-group jackknife, and half samples.

Estimates of information are not means over samples: they depend on pairs of samples, on ranges and on ranks. A
bootstrap with replacement draws samples twice, and a sample has distance 0 to its copy, so that the bootstrap is wrong
for them. The jackknife leaves samples out and computes the very number again that is reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from bitlens.arrays import (
    Array,
    ArrayLike,
    Foreign,
    NDArray,
    as_array,
    as_host_array,
    check_seed,
    describe,
    in_callers_library,
    is_tensor,
)

GROUPS = 16
"""Number of groups of samples. The jackknife leaves out each of them in turn."""

SHUFFLES = 4
"""Number of shuffles with which the null distribution is computed again without a group."""

LEAST_SAMPLES = 4 * GROUPS
"""Intervals of fewer samples were not simulated and are not given."""

HALVES = 20
"""Number of random halves of the samples. Their deviation is the standard error of counts: subsets of m samples have
(n - m) / m times the variance of sets of n samples."""

QUARTER_RANGE_FACTOR = 1.1311869858
"""How much more the end of a range varies over sets of samples than over random quarters of one set.

With probability (1 / 4) (3 / 4)^(i - 1) the largest value of a quarter is the i-th largest of all samples. The distance
between the i-th value and the next one has mean s / i in a tail that falls off exponentially. So the variance over
quarters is (2 Li2(3 / 4) - Li2(9 / 16)) s^2 in the mean, and that of the largest value over sets is pi^2 / 6 s^2."""


class Interval(NamedTuple):
    """An estimate, its standard error and its 95 % interval; every array has the shape of the estimate."""

    estimate: Any
    """The statistic of all samples."""
    standard_error: Any
    """Standard deviation of the estimate over sets of samples, in its unit; NaN for fewer than 64 samples."""
    low: Any
    """Lower end of the interval, which covers the expected estimate of this number of samples."""
    high: Any
    """Upper end of the interval."""


@in_callers_library
def jackknife(statistic: Callable[..., Any], *arrays: Array, seed: int = 0) -> Interval:
    """Compute the standard error of a statistic by the delete-a-group jackknife, and a 95 % interval.

    The samples are divided into K = 16 groups of equal size d, the integer part of n / K, and the statistic is computed
    without each of them. With the values x_k, the squared standard error is (n - d)^2 / (n d (K - 1)) sum_k (x_k - mean
    x)^2, and the interval is the estimate plus and minus t(K - 1, 0.975) standard errors. It covers the expected value
    of the statistic for this number of samples, which a bias separates from the value for infinitely many samples.
    Subtract the mean of a null distribution by ``permutation_test(..., intervals=True)``.

    Parameters
    ----------
    statistic : callable
        Function of the arrays that returns a number or an array of numbers.
    *arrays : arrays of shape (n, ...)
        The same samples along the first axis.
    seed : int
        The same seed makes the same groups; 0 or more.

    Returns
    -------
    Interval
        In the unit of the statistic. With fewer than 64 samples standard error and interval are NaN.

    Raises
    ------
    TypeError, ValueError
        If the arrays do not have the same samples, or the statistic does not return numbers.

    Examples
    --------
    The standard error of a mean is the standard deviation divided by sqrt(n), here 0.05.

    >>> import numpy as np
    >>> import bitlens
    >>> x = np.random.default_rng(0).normal(size=(400, 1))
    >>> bool(0.03 < bitlens.jackknife(np.mean, x).standard_error < 0.08)
    True
    """
    if not arrays:
        raise ValueError("arrays: expected at least one array of samples, got none")
    samples = [as_sample_array(array, f"arrays[{number}]") for number, array in enumerate(arrays)]
    n = len(samples[0])
    for number, array in enumerate(samples):
        if len(array) != n:
            raise ValueError(f"arrays[{number}]: expected the {n} samples of arrays[0], got {len(array)}")
    estimate = as_float64(statistic(*samples))
    error = jackknife_error(
        lambda kept: statistic(*(array[kept] for array in samples)), n, check_seed(seed), like=estimate
    )
    return Interval(estimate, error, *interval(estimate, error))


def interval(estimate: Any, standard_error: Any, groups: int = GROUPS) -> tuple[Any, Any]:
    """The ends of the 95 % interval from a standard error that was computed from `groups` values."""
    width = t_quantile(groups - 1) * standard_error
    return estimate - width, estimate + width


@overload
def excess_interval(excess: float, standard_error: float) -> tuple[float, float]: ...
@overload
def excess_interval(excess: ArrayLike, standard_error: float | Array) -> tuple[NDArray, NDArray]: ...
@overload
def excess_interval(excess: Foreign, standard_error: float | Array) -> tuple[Foreign, Foreign]: ...
@in_callers_library
def excess_interval(excess: float | Array, standard_error: float | Array) -> Any:
    """Compute the 95 % interval of an estimate that is near 0 for unrelated samples, from its standard error, in bits.

    Such an estimate and its standard error grow together, so that a set of samples with a small estimate has a small
    error as well. On a scale of square roots the error is nearly the same for all sets. The upper end is that of this
    scale: with w = t(15, 0.975) standard errors it is excess + w + w^2 / (4 excess), and at most excess + 1.5 w. The
    lower end is excess - w.

    Parameters
    ----------
    excess, standard_error : float or array
        An excess over a permutation baseline, or the selectivity of a neuron, and its standard error, of equal shape.

    Returns
    -------
    (low, high) : floats or float64 arrays of the shape of the excess
        Bits; NaN where the standard error is.

    Raises
    ------
    TypeError, ValueError
        If excess or standard_error is neither a number nor an array, or a standard error is below 0.

    Examples
    --------
    >>> import bitlens
    >>> low, high = bitlens.excess_interval(0.5, 0.1)
    >>> round(low, 3), round(high, 3)
    (0.287, 0.736)
    """
    named = {"excess": excess, "standard_error": standard_error}
    x, error = (v if isinstance(v, float | int) else as_float64(as_host_array(v, name)) for name, v in named.items())
    negative = error < 0
    if negative if isinstance(negative, bool) else negative.any():
        raise ValueError(f"standard_error: expected numbers of at least 0, got {standard_error}")
    return interval_of_excess(x, error)


def interval_of_excess(x: Any, error: Any) -> tuple[Any, Any]:
    """The ends of the 95 % interval of `excess_interval`, from numbers, arrays or tensors."""
    low, high = interval(x, error)
    half = (high - x) / 2
    # An error of 0 adds nothing.
    larger = x * (x > half) + half * (x <= half)
    return low, high + half**2 / (larger + (larger == 0))


def jackknife_error(statistic: Callable[[NDArray], Any], n: int, seed: int, *, like: Any) -> Any:
    """The standard error of a function of the samples that are kept; NaN in the shape of `like` for few samples."""
    if n < LEAST_SAMPLES:
        return like * math.nan
    return _group_variance((statistic(kept) for kept in kept_samples(n, seed)), n) ** 0.5


def excess_error(
    excess: Callable[[NDArray, Sequence[NDArray]], Any],
    orders: Sequence[NDArray],
    null_std: Any,
    seed: int,
) -> Any:
    """The standard error of an estimate minus the mean of its null distribution over `orders`.

    `excess` computes it from the samples that are kept and from shuffles of them. The first `SHUFFLES`
    orders induce the shuffles of the kept samples, because fresh ones would add noise. The jackknife counts the part of
    the variance twice that remains for unrelated samples (Efron and Stein 1981). This part is the variance N of the
    null distribution: N is subtracted once, with the 2 N / `SHUFFLES` that few shuffles add.
    """
    n = len(orders[0])
    if n < LEAST_SAMPLES:
        return null_std * math.nan
    values = (
        excess(kept, [induced_order(order, kept) for order in orders[:SHUFFLES]]) for kept in kept_samples(n, seed)
    )
    return error_of_excesses(values, null_std, len(orders), n)


def error_of_excesses(values: Iterable[Any], null_std: Any, permutations: int, n: int) -> Any:
    """The standard error of an excess of n samples from its values without each of the groups; see `excess_error`."""
    null_variance = null_std**2
    reduced = _group_variance(values, n) - null_variance * (1 + 2 / min(SHUFFLES, permutations))
    larger = reduced * (reduced > null_variance) + null_variance * (reduced <= null_variance)
    return (larger + null_variance / permutations) ** 0.5


def kept_samples(n: int, seed: int) -> list[NDArray]:
    """The samples that remain without each of the groups, in their order."""
    return [np.delete(np.arange(n), group) for group in sample_groups(n, seed)]


def sample_groups(n: int, seed: int) -> list[NDArray]:
    """The samples of each of the groups that the jackknife leaves out in turn.

    All groups are of equal size, because many estimates depend on the number of samples that remain. So up to 15
    samples are in no group.
    """
    order = np.random.default_rng(seed).permutation(n)
    return list(order[: n // GROUPS * GROUPS].reshape(GROUPS, -1))


def induced_order(order: NDArray, kept: NDArray) -> NDArray:
    """The permutation of the kept samples, as positions in `kept`: it follows `order` until it meets one of them."""
    position = np.full(len(order), -1)
    position[kept] = np.arange(len(kept))
    image = order[kept]
    while (outside := position[image] < 0).any():
        image[outside] = order[image[outside]]
    return position[image]


def as_sample_array(x: Array, name: str) -> Any:
    """An array or a tensor that has samples along its first axis."""
    array = as_array(x, name)
    if array.ndim == 0:
        raise TypeError(f"{name}: expected samples along the first axis, got {describe(array)}")
    return array


def as_float64(value: Any) -> Any:
    """Convert the number or the array of numbers that a statistic returns to float64: moments need the digits."""
    if is_tensor(value):
        return value.double()
    if getattr(value, "ndim", 0):
        return as_array(value, "statistic").astype(np.float64)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"statistic: expected it to return a number or an array, got {type(value).__name__}") from None


def t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t distribution, by the expansion of Cornish and Fisher.

    The error is below 1e-4 from 10 degrees of freedom on.
    """
    z = 1.959963984540054
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / degrees ** (power + 1) for power, term in enumerate(terms)))


def _group_variance(values: Iterable[Any], n: int) -> Any:
    """The variance of a statistic of n samples from its values without each of the groups; exact for a mean.

    With d samples in each of K groups the factor is (n - d)^2 / (n d (K - 1)), which is (K - 1) / K if n = d K.
    """
    _, squares, count = _moments(values)
    size = n // count
    return squares * ((n - size) ** 2 / (n * size * (count - 1)))


def _moments(values: Iterable[Any]) -> tuple[Any, Any, int]:
    """Mean, sum of squared deviations and number (Welford), so that not all values are in memory together."""
    mean: Any = 0.0
    squares: Any = 0.0
    count = 0
    for value in map(as_float64, values):
        count += 1
        change = value - mean
        mean = mean + change / count
        squares = squares + change * (value - mean)
    return mean, squares, count
