"""Excesses over the null are compared between layers, numbers of filters and iterations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pandas as pd

from paper_figures.common.verdict import Difference
from paper_figures.information_flow.networks import LAYERS

NO_EVIDENCE = 0.1
"""Bits above the null below which a value is counted as no evidence of information about the samples."""
CHAINS = {"forward": LAYERS, "backward": LAYERS[-2::-1]}
"""The layers in the order of each chain."""


def varied_alone(table: pd.DataFrame, varied: str, layer: str, usual: tuple[int, int]) -> pd.DataFrame:
    """Return a layer's rows about the input, where one convolution varies and the other has its usual filters."""
    fixed, filters = ("second", usual[1]) if varied == "first" else ("first", usual[0])
    return table[(table[fixed] == filters) & (table.layer == layer) & (table.about == "input")]


def steps(table: pd.DataFrame) -> pd.DataFrame:
    """Return the steps of both chains: by how much the excess rises to a layer, and whether that is a disruption.

    A step is not a disruption if the excess falls. A change within the deviations between seeds is not decided, and
    neither is a step between two values that are hardly above the null.
    """
    rows = []
    keys = ["setting", "iteration", "first", "second", "chain"]
    for place, chain in table.groupby(keys, sort=False):
        ordered = chain.set_index("layer").reindex([layer for layer in CHAINS[place[-1]] if layer in set(chain.layer)])
        for (_, before), (layer, after) in pairwise(ordered.iterrows()):
            difference = between(after, before, "excess")
            disruption = None if max(before.excess, after.excess) < NO_EVIDENCE else difference.higher
            columns = {"layer": layer, "rise": difference.mean, "disruption": disruption}
            rows.append(dict(zip(keys, place, strict=True)) | columns)
    return pd.DataFrame(rows).astype({"disruption": object})


def between(first: pd.Series, second: pd.Series, name: str, other: str | None = None) -> Difference:
    """Return the value of one row less that of another; allowed is the sum of both deviations between seeds."""
    less = other or name
    allowed = first[f"{name}_std"] + second[f"{less}_std"]
    return Difference(float(first[name] - second[less]), float(allowed), int(min(first.seeds, second.seeds)))


def against_zero(row: pd.Series, name: str) -> Difference:
    """Return a value; allowed are two deviations between seeds."""
    return Difference(float(row[name]), 2 * float(row[f"{name}_std"]), int(row.seeds))


def differences_along(end: pd.DataFrame, name: str, evidence: bool = False) -> Iterator[Difference]:
    """Return each value less the one before; with `evidence`, values hardly above the null decide nothing."""
    rows = [row for _, row in end.iterrows()]
    for before, after in pairwise(rows):
        difference = between(after, before, name)
        hardly = evidence and max(before[name], after[name]) < NO_EVIDENCE
        yield difference._replace(seeds=0) if hardly else difference
