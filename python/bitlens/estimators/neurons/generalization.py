"""Bounds of the generalization gap by information: what they promise, and under which conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bitlens.arrays import NDArray, check_integer


class GeneralizationBound(NamedTuple):
    """How far the expected loss may lie above, or off, the mean loss of the training samples."""

    name: str
    value: float
    """In units of the loss, which lies in 0 to 1: at 1 and above it says nothing."""
    known_constant: bool
    """Whether `value` is the bound; if not, the bound is `value` times a constant that its theorem leaves open."""
    information: str
    """Whose information it takes."""
    conditions: str
    source: str


def generalization_bounds(
    information: float | None,
    n_samples: int,
    delta: float = 0.05,
    *,
    algorithm_information: float | None = None,
    sample_information: Sequence[float] | NDArray | None = None,
) -> list[GeneralizationBound]:
    """Bound the generalization gap by information, for a loss between 0 and 1.

    The bounds of Geiger's slides (2020). The slides print the second without its root: the paper bounds the gap's
    square. Information of a layer is what only the first two take; the others take that of what was learned.

    Parameters
    ----------
    information : float or None
        I(X; L) in bits, of the input and the layer that the decision is made from.
    n_samples : int
        Samples that the network was trained on.
    delta : float
        How often a bound that holds with high probability may fail.
    algorithm_information : float, optional
        I(D; A(D)) in bits, of the whole training set and what was learned from it.
    sample_information : sequence of n_samples floats, optional
        I(D_i; A(D)) in bits, of each training sample and what was learned.

    Returns
    -------
    list of GeneralizationBound
        Those whose information is given.

    Raises
    ------
    TypeError, ValueError
        If a number does not fit, or no information is given.

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
    if not 0 < delta < 1:
        raise ValueError(f"delta: expected a number between 0 and 1, got {delta}")
    found = []
    if information is not None:
        bits = _bits(information, "information")
        found += [_bottleneck(bits, m), _compression(bits, m, delta)]
    if algorithm_information is not None:
        found.append(_algorithm(_bits(algorithm_information, "algorithm_information"), m))
    if sample_information is not None:
        each = [_bits(value, "sample_information") for value in sample_information]
        if len(each) != m:
            raise ValueError(f"sample_information: expected {m} numbers, one a training sample, got {len(each)}")
        found.append(_samples(each))
    if not found:
        raise ValueError("information: expected at least one of information, algorithm_information, sample_information")
    return found


def _bits(value: float, name: str) -> float:
    try:
        bits = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number of bits, got {value!r}") from None
    if not 0 <= bits < math.inf:
        raise ValueError(
            f"{name}: expected finite bits from 0 on, got {bits}; that of a deterministic layer of continuous values "
            "is infinite, and no bound holds"
        )
    return bits


def _bottleneck(bits: float, m: int) -> GeneralizationBound:
    return GeneralizationBound(
        "information bottleneck",
        math.sqrt(bits) * math.log(m) / math.sqrt(m),
        False,
        "I(X; L)",
        "the input takes finitely many values and the layer is a random function of it; holds with high probability, up "
        "to a constant and terms that vanish faster",
        "Vera, Piantanida and Vega 2018",
    )


def _compression(bits: float, m: int, delta: float) -> GeneralizationBound:
    power = 2.0**bits if bits < 1000 else math.inf
    return GeneralizationBound(
        "input compression",
        math.sqrt((power + math.log(2 / delta)) / (2 * m)),
        True,
        "I(X; L)",
        f"holds with probability {1 - delta:g} over training sets, for typical inputs: the layer divides them into about "
        "2^I(X; L) cells, and the decision depends on the cell alone; I(X; L) is that of the distribution, not of the "
        "samples, whose plug-in estimate cannot exceed the logarithm of their number",
        "Shwartz-Ziv, Painsky and Tishby 2018",
    )


def _algorithm(bits: float, m: int) -> GeneralizationBound:
    return GeneralizationBound(
        "algorithm",
        math.sqrt(bits * math.log(2) / (2 * m)),
        True,
        "I(D; A(D))",
        "of the mean gap over training sets and the training's own randomness; independent samples, and a loss that is "
        "1/2-sub-Gaussian, as one in 0 to 1 is",
        "Xu and Raginsky 2017",
    )


def _samples(bits: Sequence[float]) -> GeneralizationBound:
    return GeneralizationBound(
        "single samples",
        float(np.sqrt(np.asarray(bits) * math.log(2) / 2).mean()),
        True,
        "I(D_i; A(D))",
        "as for the algorithm; never looser than that, as the samples are independent",
        "Bu, Zou and Veeravalli 2019",
    )
