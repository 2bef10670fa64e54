"""The permutation null: what a biased statistic says where there is nothing to find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlens.arrays import Array, check_integer, is_tensor, is_uint8_array, same_samples


@dataclass(frozen=True)
class PermutationResult:
    """A statistic beside its permutation null; every field has the statistic's shape."""

    observed: Any
    null_mean: Any
    null_std: Any
    """Standard deviation of the null (n - 1 in the denominator)."""
    excess: Any
    """Observed minus null mean."""
    p_value: Any
    """(1 + number of null values not below the observed) / (1 + permutations)."""
    permutations: int
    seed: int


def permutation_test(
    statistic: Callable[[Any, Any], Any], a: Array, b: Array, permutations: int = 20, seed: int = 0
) -> PermutationResult:
    """Compare a statistic of two arrays with what it gives when their samples are not matched.

    The samples of b are shuffled, which keeps everything but their relation to those of a. Estimates of mutual
    information from finite samples are biased upward, and the null's mean is that bias.

    Parameters
    ----------
    statistic : callable
        Takes (a, b), gives a number or an array of numbers.
    a, b : arrays of shape (n, ...)
        The same samples along the first axis.
    permutations : int
        How many shuffles, at least 2.
    seed : int
        The same seed gives the same shuffles.

    Returns
    -------
    PermutationResult
        In the unit of the statistic; floats where it is a number.

    Raises
    ------
    TypeError, ValueError
        If a and b do not have the same number of samples, or permutations is below 2.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> a, b = np.random.default_rng(0).normal(size=(2, 100, 1))
    >>> result = bitlens.permutation_test(bitlens.channel_mutual_information, a, b)
    >>> bool(abs(result.excess[0, 0]) < 3 * result.null_std[0, 0] < result.observed[0, 0])
    True
    """
    for array, name in ((a, "a"), (b, "b")):
        if not (isinstance(array, np.ndarray) or is_tensor(array)) or array.ndim == 0:
            raise TypeError(f"{name}: expected a NumPy array or a PyTorch tensor, got {type(array).__name__}")
        if is_uint8_array(array):
            raise TypeError(f"{name}: uint8 may be distance codes, whose rows are channels; pass samples as floats")
    same_samples(a, b)
    count = check_integer(permutations, "permutations")
    if count < 2:
        raise ValueError(f"permutations: expected at least 2, got {count}")
    if check_integer(seed, "seed") < 0:
        raise ValueError(f"seed: expected 0 or more, got {seed}")
    random = np.random.default_rng(seed)

    observed = _wide(statistic(a, b))
    # Welford's running moments: the null values need not be held all at once.
    mean: Any = observed * 0.0
    squares: Any = observed * 0.0
    not_below: Any = observed * 0.0
    for step in range(1, count + 1):
        value = _wide(statistic(a, b[random.permutation(len(b))]))
        change = value - mean
        mean = mean + change / step
        squares = squares + change * (value - mean)
        not_below = not_below + (value >= observed)
    return PermutationResult(
        observed=observed,
        null_mean=mean,
        null_std=(squares / (count - 1)) ** 0.5,
        excess=observed - mean,
        p_value=(1 + not_below) / (1 + count),
        permutations=count,
        seed=seed,
    )


def _wide(value: Any) -> Any:
    """A number or an array of numbers, in float64 so that moments keep their digits."""
    if is_tensor(value):
        return value.double()
    if isinstance(value, np.ndarray) and value.ndim:
        return value.astype(np.float64)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"statistic: expected it to give a number or an array, got {type(value).__name__}") from None
