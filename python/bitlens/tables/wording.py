"""How estimates are written for readers: standard error, verdict, the floor of a p-value, and pairs that were drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bitlens.estimators.intervals import excess_interval
from bitlens.estimators.verdicts import LOWER_BOUND, NOT_ABOVE_CHANCE, NOT_MEASURABLE

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def estimate(excess: float, standard_error: float, verdict: str = "") -> str:
    """An excess with its standard error, as its verdict allows.

    Parameters
    ----------
    excess, standard_error : float
        In bits; an unknown error is NaN.
    verdict : str
        A verdict of `bitlens.estimators.verdicts`; empty where there is none.

    Returns
    -------
    str
        ``0.312 ± 0.021``, or ``0.312 ± unknown``; ``at least 0.312 ± 0.021`` for a lower bound; ``at most 0.012
        (chance)``, the upper end of the 95 % interval, for an excess that is not above chance, or ``chance``; ``not
        measurable``. Empty for a NaN.

    Examples
    --------
    >>> from bitlens import tables
    >>> tables.estimate(0.3124, 0.0213)
    '0.312 ± 0.021'
    """
    if verdict == NOT_MEASURABLE:
        return "not measurable"
    if math.isnan(excess):
        return ""
    known = not math.isnan(standard_error)
    if verdict == NOT_ABOVE_CHANCE:
        return f"at most {max(0.0, excess_interval(excess, standard_error)[1]):.3f} (chance)" if known else "chance"
    text = f"{excess:.3f} ± {f'{standard_error:.3f}' if known else 'unknown'}"
    return f"at least {text}" if verdict == LOWER_BOUND else text


def no_error(results: xr.Dataset | pd.DataFrame) -> str:
    """Why results have no standard error.

    Parameters
    ----------
    results : xarray.Dataset or pandas.DataFrame
        Results of a measure, or a table of them.

    Returns
    -------
    str
        A sentence; empty where the results have standard errors, or have nothing that could have one.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> shared = bitlens.layer_decomposition(bitlens.open_run("demo-run"), "conv1", pairs=4)
    >>> tables.no_error(shared)[:44]
    'No error is given, because it comes from the'
    """
    return str(results.attrs.get("no_error", ""))


def p_value(p: float, permutations: int) -> str:
    """A p-value of a permutation test; that of the smallest possible value is a bound.

    Parameters
    ----------
    p : float
        The p-value, 0 to 1.
    permutations : int
        Number of shuffles.

    Returns
    -------
    str
        Such as ``0.19``, or ``below 0.048 (20 permutations)`` where no shuffle reached the estimate.

    Examples
    --------
    >>> from bitlens import tables
    >>> tables.p_value(1 / 21, 20)
    'below 0.048 (20 permutations)'
    """
    floor = 1 / (1 + permutations)
    return f"below {floor:.2g} ({permutations} permutations)" if p <= floor * (1 + 1e-9) else f"{p:.2g}"


def drawn_pairs(information: xr.Dataset) -> str:
    """How many pairs of channels were drawn at random from how many; empty where all were measured.

    Parameters
    ----------
    information : xarray.Dataset
        Result of `bitlens.layer_pair_information`.

    Returns
    -------
    str
        Such as "65536 of 16777216".

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> tables.drawn_pairs(bitlens.layer_pair_information(run, "conv1", "relu1", permutations=2, pairs=9))
    '9 of 36'
    """
    if "measured_pairs" not in information:
        return ""
    measured, everything = (int(information[name].max()) for name in ("measured_pairs", "all_pairs"))
    return f"{measured} of {everything}"
