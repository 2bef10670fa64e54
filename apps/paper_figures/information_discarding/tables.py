"""Tables of several seeds together, and how far the curves of two networks are apart in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

MEASURES = ("SID", "RU", "concentration")
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where networks of different layers are compared; between two layers the curves are straight."""
_VALUES = ["value", "kept", "converged", "rebuilt"]


def of_seeds(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Means over seeds, and the deviation between them: 0 where there is one seed."""
    everything = pd.concat(parts)
    keys = [name for name in everything if name not in {*_VALUES, "seed"}]
    grouped = everything.groupby(keys, sort=False)
    means = grouped[_VALUES].mean()
    return means.assign(deviation=grouped.value.std(ddof=1).fillna(0)).reset_index()


def chosen(table: pd.DataFrame, networks: Sequence[str]) -> pd.DataFrame:
    """The rows of some networks."""
    return table[table.network.isin(networks)]


def differences(
    table: pd.DataFrame, one: str, other: str, measure: str, depths: Sequence[float] | None = None
) -> pd.DataFrame:
    """By depth, default where the first network was measured: one's value less the other's, and what the seeds allow.

    A difference is allowed that is no larger than both networks' deviations between seeds together.
    """
    first, second = (_curve(table, network, measure) for network in (one, other))
    at = np.array(first.depth if depths is None else depths)
    values, deviations = (
        [np.interp(at, curve.depth, curve[column]) for curve in (first, second)] for column in ("value", "deviation")
    )
    return pd.DataFrame(
        {"depth": at, "difference": values[0] - values[1], "allowed": deviations[0] + deviations[1]}
    )  # fmt: skip


def higher(rows: pd.DataFrame) -> pd.Series:
    """Which differences are above what the seeds allow."""
    return rows.difference > rows.allowed


def lower(rows: pd.DataFrame) -> pd.Series:
    """Which are below."""
    return rows.difference < -rows.allowed


def _curve(table: pd.DataFrame, network: str, measure: str) -> pd.DataFrame:
    rows = table[(table.network == network) & (table.measure == measure)]
    if rows.empty:
        raise ValueError(f"table: no {measure} of {network}")
    return rows.sort_values("depth")
