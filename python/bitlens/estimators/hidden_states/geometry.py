"""The geometry of hidden states: the intrinsic dimension of a cloud, and the curvature of the path of a prompt."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from bitlens.arrays import (
    Array,
    Foreign,
    NDArray,
    array_namespace,
    as_numpy,
    as_samples,
    check_integer,
    check_number,
    in_callers_library,
    rescale_for_squares,
)
from bitlens.estimators.hidden_states.clouds import AnyStates, ForeignStates, States, as_clouds
from bitlens.estimators.matrix.kernels import Cosine, Linear, as_linear_kernel
from bitlens.estimators.matrix.linear_kernel import kernel_rows, warn_of_undefined
from bitlens.estimators.neighbors.nearest import nearest_neighbors

_EQUAL = 1e-12
"""The logarithm of the ratio of two distances below which they differ by rounding alone."""


class IntrinsicDimension(NamedTuple):
    """The number of directions in which samples vary locally."""

    dimension: float
    """The estimate; NaN for fewer than 3 distinct samples, or if both neighbours are always equally far."""
    standard_error: float
    """Its standard deviation over sets of samples if the ratios of all samples were independent. Samples that are
    neighbours of each other share distances, which makes the true one 1.1 to 1.4 times as large."""
    distinct: int
    """Number of distinct samples, which are those that count."""


@in_callers_library
def intrinsic_dimension(
    x: Array,
    *,
    estimator: Literal["linear", "likelihood", "censored"] = "linear",
    keep: float = 0.9,
    kernel: Linear | Cosine = Linear(),  # noqa: B008
) -> IntrinsicDimension:
    """Estimate the intrinsic dimension of samples from the distances to their two nearest neighbours (TwoNN).

    The logarithm y of the ratio of the two distances has an exponential distribution whose rate is the dimension (Facco
    et al. 2017, Sci. Rep. 7, 12140). Samples that occur several times count once. Fewer than about 150 samples have a
    large error, and real data have no single dimension: it depends on n.

    Parameters
    ----------
    x : array of shape (n, ...)
        Samples along the first axis, such as the tokens of a prompt; the other axes are flattened.
    estimator : {"linear", "likelihood", "censored"}
        "linear" fits the line through 0 of -log(1 - i / n) on the i-th smallest y, i = 1 .. int(keep n), as the paper
        does. "likelihood" is (n - 1) / sum y. "censored" is the likelihood of the int(keep n) smallest y alone.
    keep : float
        Share of the y that count, above 0 and below 1; "likelihood" has all.
    kernel : Linear or Cosine
        How the rows are prepared, such as Linear(center=True, unit=True); the default leaves them as they are.

    Returns
    -------
    IntrinsicDimension
        The dimension, its standard error and the number of distinct samples.

    Raises
    ------
    TypeError, ValueError
        If x is not a finite array of at least one sample, or another argument is invalid.

    Warns
    -----
    UndefinedWarning
        If the dimension is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> plane = np.random.default_rng(0).random((500, 2))
    >>> result = bitlens.intrinsic_dimension(plane @ np.ones((2, 10)) + plane[:, :1] * np.arange(10))
    >>> abs(result.dimension - 2) < 3 * result.standard_error
    True
    """
    if estimator not in ("linear", "likelihood", "censored"):
        raise ValueError(f"estimator: expected 'linear', 'likelihood' or 'censored', got {estimator!r}")
    share = check_number(keep, "keep")
    if not 0 < share < 1:
        raise ValueError(f"keep: expected a number above 0 and below 1, got {keep}")
    rows, context, _ = as_samples(x, "x", at_least=1)
    chosen = as_linear_kernel(kernel)
    if chosen != Linear():
        rows = kernel_rows(rows[None], None, chosen, context)[0][0]
    # -0.0 is 0.0, which a sum with 0 makes it.
    distinct = np.unique(as_numpy(rows) + 0.0, axis=0)
    count, ratios = len(distinct), np.empty(0)
    if count >= 3:
        distances = as_numpy(nearest_neighbors(context.to_device(distinct), 2)[0])
        ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
        ratios[ratios < _EQUAL] = 0
    dimension, error = math.nan, math.nan
    if ratios.any():
        dimension, error = _dimension(ratios, estimator, max(1, int(share * count)))
    warn_of_undefined(np.array([dimension]), "x", "3 distinct samples whose two neighbours are not equally far")
    return IntrinsicDimension(dimension, error, count)


def _dimension(ratios: NDArray, estimator: str, kept: int) -> tuple[float, float]:
    """The dimension and its standard error from the sorted logarithms of the ratios of n samples."""
    n = len(ratios)
    if estimator == "likelihood":
        dimension = (n - 1) / float(ratios.sum())
        return dimension, dimension / math.sqrt(n - 1)
    smallest = ratios[:kept]
    if not smallest.any() or (estimator == "censored" and kept < 2):
        return math.nan, math.nan
    if estimator == "censored":
        dimension = (kept - 1) / float(smallest.sum() + (n - kept) * smallest[-1])
        return dimension, dimension / math.sqrt(kept - 1)
    quantiles = -np.log1p(-np.arange(1, kept + 1) / n)
    dimension = float((smallest * quantiles).sum() / (smallest**2).sum())
    return dimension, dimension * math.sqrt(_linear_variance(float(quantiles[-1])) / n)


def _linear_variance(last: float) -> float:
    """N times the relative variance of the fitted line for large n, whose last quantile is `last`; 1.25 for all y.

    The fit changes by -int_0^X x dy(x) exp(-x) dx / A, where y(x) are the y at the quantiles x of the exponential
    distribution, X = last, and A = int_0^X x^2 exp(-x) dx. The covariance of dy(x) and dy(z > x) is (exp(x) - 1) / n.
    """
    nodes, weights = np.polynomial.legendre.leggauss(64)
    x, weights = (nodes + 1) * last / 2, weights * last / 2
    above = (x + 1) * np.exp(-x) - (last + 1) * math.exp(-last)  # int_x^X z exp(-z) dz
    double = 2 * float((weights * x * -np.expm1(-x) * above).sum())
    return double / float((weights * x**2 * np.exp(-x)).sum()) ** 2


@overload
def trajectory_curvature(
    states: States,
    mask: Array | None = ...,
    *,
    step: int = ...,
    folded: bool = ...,
    kernel: Linear | Cosine = ...,
    skip_first: int = ...,
) -> float | NDArray: ...
@overload
def trajectory_curvature(
    states: ForeignStates[Foreign],
    mask: Array | None = ...,
    *,
    step: int = ...,
    folded: bool = ...,
    kernel: Linear | Cosine = ...,
    skip_first: int = ...,
) -> float | Foreign: ...
@in_callers_library
def trajectory_curvature(
    states: AnyStates,
    mask: Array | None = None,
    *,
    step: int = 1,
    folded: bool = False,
    kernel: Linear | Cosine = Linear(),  # noqa: B008
    skip_first: int = 0,
) -> Any:
    """Compute the mean angle between consecutive steps of the path of hidden states along a prompt, in radians.

    The steps are v_t = z_(t + step) - z_t, and the angles those between v_t and v_(t + step) (Henaff et al. 2019;
    Hosseini and Fedorenko 2023). A straight path has the curvature 0, a random walk pi / 2, and independent states
    2 pi / 3. Steps of length 0 have no direction; angles with them are left out.

    Parameters
    ----------
    states, mask, skip_first
        As in `hidden_state_entropy`; the rows of each cloud are in the order of the tokens. Rows that are masked are
        taken out of the path.
    step : int
        Number of tokens that a step spans, at least 1.
    folded : bool
        Whether an angle a above pi / 2 counts as pi - a, which is what the absolute value of the cosine leads to.
    kernel : Linear or Cosine
        How the rows are prepared, such as Linear(center=True, unit=True); the default leaves them as they are.

    Returns
    -------
    float or float64 array
        One mean angle for each cloud, from 0 to pi; NaN for fewer than 2 step + 1 tokens, or without any direction.

    Raises
    ------
    TypeError, ValueError
        As in `hidden_state_entropy`, or if step is below 1.

    Warns
    -----
    UndefinedWarning
        If any value is NaN; it counts them.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> angles = 2 * np.pi / 5 * np.arange(7)
    >>> pentagon = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    >>> round(bitlens.trajectory_curvature(pentagon) / np.pi, 12)
    0.4
    """
    span = check_integer(step, "step")
    if span < 1:
        raise ValueError(f"step: expected at least 1, got {span}")
    chosen = as_linear_kernel(kernel)
    clouds = as_clouds(states, mask, skip_first=skip_first)
    context = clouds.context

    def curvatures(x: Any, valid: Any) -> Any:
        result = context.empty((len(x),), "float64")
        for i in range(len(x)):
            rows = x[i : i + 1]
            if chosen == Linear():
                rows = context.astype(rows, "float64")
            else:
                rows = kernel_rows(rows, None if valid is None else valid[i : i + 1], chosen, context)[0]
            path = rows[0] if valid is None else rows[0][valid[i]]
            result[i] = _mean_angle(path, span, folded) if len(path) > 2 * span else math.nan
        return result

    result = clouds.each(curvatures)
    warn_of_undefined(result, "states", f"paths of {2 * span + 1} tokens or more that move")
    return clouds.numbers(result)


def _mean_angle(path: Any, step: int, folded: bool) -> float:
    """The mean angle between consecutive steps of a float64 path [n, D]; NaN without any direction."""
    xp = array_namespace(path)
    steps = path[step:] - path[:-step]
    steps = rescale_for_squares(steps, "states", (0, 1))[0]
    lengths = xp.linalg.vector_norm(steps, axis=1) if isinstance(path, np.ndarray) else xp.linalg.norm(steps, dim=1)
    directions = steps / (lengths + (lengths == 0))[:, None]
    first, second = directions[:-step], directions[step:]
    present = (lengths[:-step] > 0) & (lengths[step:] > 0)
    # Kahan's formula, which is accurate also for angles near 0 and pi.
    apart, along = (((first + sign * second) ** 2).sum(1) ** 0.5 for sign in (-1, 1))
    angles = 2 * xp.arctan2(apart, along)
    if folded:
        angles = xp.minimum(angles, math.pi - angles)
    count = int(present.sum())
    return float((angles * present).sum()) / count if count else math.nan
