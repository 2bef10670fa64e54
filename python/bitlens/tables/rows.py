"""The conversion that all tables share: variables of a Dataset as columns, its coordinates as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr


def require(results: xr.Dataset, names: Sequence[str], measure: str) -> None:
    """Check that results have the variables or coordinates that a table needs.

    Raises
    ------
    ValueError
        If one is missing.
    """
    missing = [name for name in names if name not in results.variables]
    if missing:
        present = ", ".join(map(str, results.variables)) or "nothing"
        raise ValueError(
            f"results: expected the variables {', '.join(missing)}, got {present}; pass the Dataset of "
            f"bitlens.{measure}"
        )


def to_rows(results: xr.Dataset, columns: Mapping[str, str], keys: Sequence[str]) -> pd.DataFrame:
    """One row for each combination of epoch and keys, in the order of the coordinates; columns: variable -> column.

    Where the results say why they have no standard error, so do the table's attributes: ``no_error``.
    """
    selected = results[list(columns)]
    names = [name for name in ("epoch", *keys) if name in selected.coords or name in selected.dims]
    order = [name for name in names if name in selected.dims]
    if not order:
        row = {name: [selected[name].item()] for name in [*names, *columns]}
        return with_reason(pd.DataFrame(row).rename(columns=dict(columns)), results)
    frame = selected.to_dataframe(dim_order=order).reset_index()
    return with_reason(frame[[*names, *columns]].rename(columns=dict(columns)), results)


def with_reason(frame: pd.DataFrame, results: xr.Dataset) -> pd.DataFrame:
    """The table. If the results say why there is no standard error, its attribute `no_error` has the reason."""
    if reason := results.attrs.get("no_error"):
        frame.attrs["no_error"] = reason
    return frame


def stacked(by_layer: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tables of several layers, one below the other, with a column that names the layer after that of the epoch."""
    if not by_layer:
        raise ValueError("by_layer: expected results of at least one layer, got none; measure a layer first")
    parts = []
    for layer, table in by_layer.items():
        table.insert(1 if "epoch" in table else 0, "layer", layer)
        parts.append(table)
    table = pd.concat(parts, ignore_index=True)
    # pandas keeps attributes only where those of all layers are equal.
    if reasons := dict.fromkeys(part.attrs["no_error"] for part in parts if "no_error" in part.attrs):
        table.attrs["no_error"] = " ".join(reasons)
    return table
