"""The comparison of runs as readers see it: one row for each quantity, one column for each run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bitlens.tables.wording import estimate


def comparison_texts(comparison: pd.DataFrame) -> pd.DataFrame:
    """Estimates as their verdicts allow, and differences with their outcome.

    Parameters
    ----------
    comparison : pandas.DataFrame
        Result of `run_comparison`.

    Returns
    -------
    pandas.DataFrame
        Columns ``layer``, ``quantity``, ``unit``; a column with the name of each run, such as "0.312 ± 0.021"; and for
        each run but the first a column "RUN - FIRST", such as "0.020 ± 0.030: within error", or the reason for which
        there is no difference. Empty where a run has no such estimate.

    Raises
    ------
    ValueError
        If the table is not that of `run_comparison`.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens import tables
    >>> run = bitlens.open_run("demo-run")
    >>> _ = bitlens.layer_diversity(run)
    >>> table = tables.comparison_texts(tables.run_comparison({"A": run, "B": run}))
    >>> table.columns.tolist()
    ['layer', 'quantity', 'unit', 'A', 'B', 'B - A']
    """
    keys = ["layer", "quantity", "unit"]
    needed = [*keys, "run", "value", "standard_error", "verdict", "difference", "difference_error", "outcome"]
    if missing := [name for name in needed if name not in comparison]:
        raise ValueError(f"comparison: expected the table of run_comparison, got one without {', '.join(missing)}")
    names = list(dict.fromkeys(comparison["run"]))
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for entry in comparison.to_dict("records"):
        key = entry["layer"], entry["quantity"], entry["unit"]
        row = rows.setdefault(key, dict(zip(keys, key, strict=True)))
        row[entry["run"]] = _value(entry)
        if entry["run"] != names[0]:
            row[f"{entry['run']} - {names[0]}"] = _difference(entry)
    columns = [*keys, *names, *(f"{name} - {names[0]}" for name in names[1:])]
    return pd.DataFrame(rows.values(), columns=columns)


def _value(entry: Mapping[str, Any]) -> str:
    if entry["unit"] == "channels" and not math.isnan(entry["value"]):
        return f"{entry['value']:.0f}"
    return estimate(entry["value"], entry["standard_error"], entry["verdict"])


def _difference(entry: Mapping[str, Any]) -> str:
    if math.isnan(entry["difference"]):
        return str(entry["outcome"])
    if entry["unit"] == "channels":
        return f"{entry['difference']:+.0f}"
    known = not math.isnan(entry["difference_error"])
    number = f"{entry['difference']:+.3f}"
    return f"{number} ± {entry['difference_error']:.3f}: {entry['outcome']}" if known else number
