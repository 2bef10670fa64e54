"""Networks are compared where both were measured, as far as searches came to rest, and the text for the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from paper_figures.common.verdict import Difference, Outcome, listed

MEASURES = ("SID", "RU", "concentration")
MOST = 0.5
"""A value counts only if more than this share of its searches came to rest."""
LEAST_REBUILT = 0.1
"""RU says something about a layer only if its decoder rebuilds more than this share of the variance of test images."""


class Compared(list[Difference]):
    """Differences between two networks at the depths where both were measured.

    A difference that rests on searches of which most did not come to rest has no seeds, so that it decides nothing.
    """

    def __init__(self, differences: Iterable[Difference], depths: Iterable[float]) -> None:
        super().__init__(differences)
        self.depths = list(depths)

    @property
    def higher(self) -> list[Outcome]:
        """Whether the first network's values are higher."""
        return [one.higher for one in self]

    @property
    def lower(self) -> list[Outcome]:
        """Whether the first network's values are lower."""
        return [one.lower for one in self]


def differences(table: pd.DataFrame, first: str, second: str, measure: str) -> Compared:
    """Return the first network's values less the second's, where both were measured; no value is interpolated.

    Parameters
    ----------
    table : DataFrame
        Values, deviations, seeds and searches by network, measure and depth.
    first, second : str
        The networks.
    measure : str
        One of `MEASURES`.

    Raises
    ------
    ValueError
        If the table has no such measure of a network.
    """
    curves = [_curve(table, network, measure) for network in (first, second)]
    both = curves[0].merge(curves[1], on="depth", suffixes=("", "_other"))
    return Compared(
        (
            Difference(
                row.value - row.value_other,
                row.deviation + row.deviation_other,
                _deciding_seeds(row),
            )
            for row in both.itertuples()
        ),
        both.depth,
    )


def rests(table: pd.DataFrame) -> str:
    """Return sentences: how many searches came to rest, by measure, network and layer (or layer and epoch)."""
    parts = []
    place = "network" if "network" in table else "layer"
    for measure, rows in table[table.measure != "concentration"].groupby("measure", sort=False):
        lines = []
        for name, part in rows.groupby(place, sort=False):
            of_part = part.assign(at=part.layer if place == "network" else "epoch " + part.epoch.astype(str))
            counts = ", ".join(f"{row.at} {_rested(row)} of {row.searches}" for row in of_part.itertuples())
            lines.append(f"{name}: {counts}")
        parts.append(f"Searches for {measure} that came to rest: {'; '.join(lines)}.")
    return " ".join(parts)


def between(first: pd.Series, second: pd.Series) -> Difference:
    """Return the value of a row less that of another."""
    rested = min(first.converged, second.converged) > MOST
    seeds = int(min(first.seeds, second.seeds)) if rested else 0
    return Difference(float(first.value - second.value), float(first.deviation + second.deviation), seeds)


def _curve(table: pd.DataFrame, network: str, measure: str) -> pd.DataFrame:
    rows = table[(table.network == network) & (table.measure == measure)]
    if rows.empty:
        raise ValueError(f"table: expected {measure} of {network}, got none; measure this network")
    return rows.sort_values("depth")


def _deciding_seeds(row: Any) -> int:
    """The number of seeds of a difference; 0 where searches or decoders make it say nothing."""
    if not min(row.converged, row.converged_other) > MOST or min(row.rebuilt, row.rebuilt_other) <= LEAST_REBUILT:
        return 0
    return int(min(row.seeds, row.seeds_other))


def _rested(row: Any) -> int:
    """The number of searches that came to rest, at a place of a table."""
    return round(float(row.converged * row.searches))


def counts(rows: Sequence[Difference]) -> str:
    """Return how many differences are clearly above or below 0."""
    higher, lower = [one.higher for one in rows].count(True), [one.lower for one in rows].count(True)
    return f"higher at {higher}, lower at {lower} and not decided at {len(rows) - higher - lower} of {len(rows)} depths"


def sizes(rows: Compared) -> str:
    """Return the differences, and how much may be chance."""
    values = ", ".join(f"{one.mean:+.3f} ({one.allowed:.3f} allowed)" for one in rows)
    return f"{values} bits at depth {listed(pd.Series(rows.depths), 'g')}"
