"""How far an estimate of information can be trusted: adjusted for chance, false discovery rates and verdicts.

The rules come from simulations of laws whose information is known. The thresholds are judgements, not theorems.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from bitlens.arrays import Array, ArrayLike, Foreign, NDArray, as_host_array, in_callers_library

MEASURED = "measured"
LOWER_BOUND = "a lower bound"
NOT_ABOVE_CHANCE = "not above chance"
NOT_MEASURABLE = "not measurable with these samples"

VERDICTS = (NOT_MEASURABLE, NOT_ABOVE_CHANCE, LOWER_BOUND, MEASURED)
"""All verdicts, in the order in which they are looked for."""

NULL_SHARE_OF_LOWER_BOUND = 0.1
"""Share of the largest possible information that the null mean may have. The excess is clearly too small above it."""

NULL_SHARE_OF_NOTHING = 1 / 3
"""Above this share most of what could be measured is chance."""

FEWEST_IN_A_BIN = 5
"""With fewer samples in the bin or class that decides, intervals cover as little as 63 % (95 % intervals)."""

SIGNIFICANCE = 0.05

SATURATED = 0.98
"""Share of log2 n above which the entropy of a layer only says that all samples differ; and share of the largest
information that bins can show above which finer bins would show more."""


@overload
def adjusted_information(information: float, null_mean: float, limit: float) -> float: ...
@overload
def adjusted_information(information: ArrayLike, null_mean: float | Array, limit: float | Array) -> NDArray: ...
@overload
def adjusted_information(information: Foreign, null_mean: float | Array, limit: float | Array) -> Foreign: ...
@in_callers_library
def adjusted_information(information: float | Array, null_mean: float | Array, limit: float | Array) -> Any:
    """Adjust an estimate of information for chance, in bits: h (I - E) / (h - E).

    E is the mean of the null distribution and h the largest possible information, such as the smaller one of the two
    entropies. The adjusted information is 0 on average where variables are not related, and h where one determines the
    other. The excess I - E is too small between these ends: it reaches h - E at most. (Vinh, Epps and Bailey 2010, eq.
    16, multiplied by h.)

    Parameters
    ----------
    information, null_mean, limit : float or array
        I, E and h in bits, of equal shape.

    Returns
    -------
    float or array
        Bits, at most h. 0 where h does not exceed E: nothing can be measured there. NaN where E is.

    Examples
    --------
    >>> import bitlens
    >>> bitlens.adjusted_information(0.75, 0.5, 1.0)
    0.5
    """
    named = {"information": information, "null_mean": null_mean, "limit": limit}
    i, e, h = (_numbers(value, name) for name, value in named.items())
    # An unknown (NaN) null mean makes the adjusted information unknown as well.
    impossible = h - e <= 1e-12
    adjusted = np.where(impossible, 0.0, h * (i - e) / np.where(impossible, 1, h - e))
    return adjusted if adjusted.ndim else float(adjusted)


@overload
def q_values(p_values: ArrayLike) -> NDArray: ...
@overload
def q_values(p_values: Foreign) -> Foreign: ...
@in_callers_library
def q_values(p_values: Array) -> Any:
    """Adjust p-values of many tests for their number (Benjamini and Hochberg 1995).

    Among the tests whose q-value is at most q, the expected share of false discoveries is at most q. The p-value of a
    permutation test is at least 1 / (1 + permutations), so that few permutations cannot give a small q-value unless
    many tests reach that floor.

    Parameters
    ----------
    p_values : float array
        P-values of any shape, 0 to 1.

    Returns
    -------
    float64 array of the shape of p_values
        Q-values, 0 to 1; in no case below the p-value.

    Raises
    ------
    ValueError
        If a p-value is not within 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> import bitlens
    >>> bitlens.q_values(np.array([0.01, 0.04, 0.03, 0.5]))
    array([0.04      , 0.05333333, 0.05333333, 0.5       ])
    """
    p = _numbers(p_values, "p_values")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values: expected numbers from 0 to 1, got {p.min()} to {p.max()}")
    order = np.argsort(p, axis=None)
    scaled = p.reshape(-1)[order] * p.size / np.arange(1, p.size + 1)
    q = np.empty(p.size)
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1)
    return q.reshape(p.shape)


def verdicts(
    null_mean: Any,
    limit: Any,
    p_value: Any,
    *,
    fewest: Any = FEWEST_IN_A_BIN,
    saturation: Any = 0.0,
    reached: Any = 0.0,
) -> NDArray:
    """Decide for each estimate of information whether it can be believed.

    Parameters
    ----------
    null_mean, limit : float or array
        Mean of the null distribution, and the largest possible information, in bits.
    p_value : float or array
        The p-value of the permutation test.
    fewest : int or array
        Number of samples in the smallest bin or class that decides.
    saturation : float or array
        Entropy of the layer as a share of log2 n, for estimates that depend on it.
    reached : float or array
        Information as a share of `limit`, where the bins set this limit.

    Returns
    -------
    array of str
        `NOT_MEASURABLE` where the null mean exceeds a third of what is possible, fewer than 5 samples decide, the layer
        is saturated or a number is NaN; else `NOT_ABOVE_CHANCE` where p exceeds 0.05; else `LOWER_BOUND` where the null
        mean exceeds a tenth of what is possible, or the information 98 % of what the bins can show; else `MEASURED`.
    """
    e, h, p, count, share, full = np.broadcast_arrays(
        *(np.asarray(value, np.float64) for value in (null_mean, limit, p_value, fewest, saturation, reached))
    )
    of_null = np.divide(e, h, out=np.zeros(h.shape), where=h > 0)
    hopeless = (of_null > NULL_SHARE_OF_NOTHING) | (count < FEWEST_IN_A_BIN) | (share > SATURATED)
    hopeless |= np.isnan(e + h + p + share)
    by_chance, low = p > SIGNIFICANCE, (of_null > NULL_SHARE_OF_LOWER_BOUND) | (full > SATURATED)
    chosen = np.select([hopeless, by_chance, low], [0, 1, 2], 3)
    return np.asarray(np.array(VERDICTS)[chosen])


def _numbers(value: Any, name: str) -> NDArray:
    """A number or an array of numbers as float64."""
    return np.asarray(value if isinstance(value, float | int) else as_host_array(value, name), np.float64)
