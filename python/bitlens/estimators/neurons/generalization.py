"""Bounds of the generalization gap by information, with the conditions under which they hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bitlens.arrays import NDArray, as_array, check_integer, check_number, in_callers_library


class GeneralizationBound(NamedTuple):
    """A bound of the difference between the expected loss and the mean loss of the training samples."""

    name: str
    value: float
    """In units of the loss, which is between 0 and 1. A bound of 1 or more contains no information."""
    known_constant: bool
    """Whether `value` is the bound. If not, the bound is `value` times a constant that the theorem leaves open."""
    information: str
    """The information from which the bound is computed."""
    conditions: str
    """What the theorem assumes, and in which sense the bound holds."""
    source: str


@in_callers_library
def generalization_bounds(
    information: float | None,
    n_samples: int,
    delta: float = 0.05,
    *,
    algorithm_information: float | None = None,
    sample_information: Sequence[float] | NDArray | None = None,
) -> list[GeneralizationBound]:
    """Bound the generalization gap by information, for a loss between 0 and 1.

    The bounds are those of Geiger's slides (2020), for m samples: sqrt(I(X; L)) ln(m) / sqrt(m) (Vera et al. 2018),
    sqrt((2^I(X; L) + ln(2 / delta)) / (2 m)) (Shwartz-Ziv et al. 2018), sqrt(I(D; A(D)) ln(2) / (2 m)) (Xu and Raginsky
    2017) and the mean of sqrt(I(D_i; A(D)) ln(2) / 2) over samples (Bu et al. 2019). The slides print the second
    without the root, because the paper bounds the square of the gap. Only the first two take the information of a
    layer; the others take that of the learned parameters.

    Parameters
    ----------
    information : float or None
        I(X; L) in bits, of the input and the layer from which the decision is made.
    n_samples : int
        Number of training samples, at least 2.
    delta : float
        Probability with which a bound that holds with high probability may fail, between 0 and 1.
    algorithm_information : float, optional
        I(D; A(D)) in bits, of the whole training set and the learned parameters.
    sample_information : sequence of n_samples floats, optional
        I(D_i; A(D)) in bits, of each training sample and the learned parameters.

    Returns
    -------
    list of GeneralizationBound
        The bounds whose information was passed, in units of the loss.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or no information is passed.

    Examples
    --------
    >>> import bitlens
    >>> for bound in bitlens.generalization_bounds(8.0, 60000):
    ...     print(f"{bound.name}: {bound.value:.3f}")
    information bottleneck: 0.127
    input compression: 0.047
    """
    m = check_integer(n_samples, "n_samples")
    if m < 2:
        raise ValueError(f"n_samples: expected at least 2, got {m}")
    if not 0 < check_number(delta, "delta") < 1:
        raise ValueError(f"delta: expected a number between 0 and 1, got {delta}")
    bounds = []
    if information is not None:
        bits = _check_bits(information, "information")
        bounds += [_bottleneck(bits, m), _compression(bits, m, float(delta))]
    if algorithm_information is not None:
        bounds.append(_algorithm(_check_bits(algorithm_information, "algorithm_information"), m))
    if sample_information is not None:
        numbers = as_array(sample_information, "sample_information").tolist()
        each = [_check_bits(value, "sample_information") for value in numbers]
        if len(each) != m:
            raise ValueError(f"sample_information: expected {m} numbers, one for each training sample, got {len(each)}")
        bounds.append(_single_samples(each))
    if not bounds:
        raise ValueError("information: expected at least one of information, algorithm_information, sample_information")
    return bounds


def _check_bits(value: float, name: str) -> float:
    bits = check_number(value, name)
    if not 0 <= bits < math.inf:
        raise ValueError(
            f"{name}: expected finite bits from 0 on, got {bits}; the information of a deterministic layer of "
            "continuous values is infinite, and no bound holds for it"
        )
    return bits


def _bottleneck(bits: float, m: int) -> GeneralizationBound:
    return GeneralizationBound(
        name="information bottleneck",
        value=math.sqrt(bits) * math.log(m) / math.sqrt(m),
        known_constant=False,
        information="I(X; L)",
        conditions="the input takes finitely many values and the layer is a random function of it; the bound holds "
        "with high probability, up to a constant and terms that vanish faster",
        source="Vera, Piantanida and Vega 2018",
    )


def _compression(bits: float, m: int, delta: float) -> GeneralizationBound:
    power = 2.0**bits if bits < 1000 else math.inf
    return GeneralizationBound(
        name="input compression",
        value=math.sqrt((power + math.log(2 / delta)) / (2 * m)),
        known_constant=True,
        information="I(X; L)",
        conditions=f"the bound holds with probability {1 - delta:g} over training sets, for typical inputs: the layer "
        "divides them into about 2^I(X; L) cells, and the decision depends on the cell alone; I(X; L) is that of the "
        "distribution, not of the samples, whose plug-in estimate cannot exceed the logarithm of their number",
        source="Shwartz-Ziv, Painsky and Tishby 2018",
    )


def _algorithm(bits: float, m: int) -> GeneralizationBound:
    return GeneralizationBound(
        name="algorithm",
        value=math.sqrt(bits * math.log(2) / (2 * m)),
        known_constant=True,
        information="I(D; A(D))",
        conditions="the bound is for the mean gap over training sets and over the randomness of training; samples are "
        "independent, and the loss is 1/2-sub-Gaussian, which holds for a loss between 0 and 1",
        source="Xu and Raginsky 2017",
    )


def _single_samples(bits: Sequence[float]) -> GeneralizationBound:
    return GeneralizationBound(
        name="single samples",
        value=float(np.sqrt(np.asarray(bits) * math.log(2) / 2).mean()),
        known_constant=True,
        information="I(D_i; A(D))",
        conditions="as for the algorithm; the bound is never looser than that one, because samples are independent",
        source="Bu, Zou and Veeravalli 2019",
    )
