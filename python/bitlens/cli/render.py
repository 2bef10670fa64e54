"""Tables of results as a terminal shows them and as CSV files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bitlens.runs import atomic_write

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Column = tuple[str, str | Callable[[Any], str]]
"""The heading of a column, and how its values are written: a format such as ".3f", or a function."""


def render(frame: pd.DataFrame, columns: Mapping[str, Column], title: str, caption: str) -> Table:
    """A table of some columns of a frame; a missing value is a dash."""
    table = Table(title=title, caption=caption)
    for name, (heading, _) in columns.items():
        table.add_column(heading, justify="right" if frame[name].dtype.kind in "fiu" else "left")
    for row in frame.to_dict("records"):
        table.add_row(*(_cell(row[name], write) for name, (_, write) in columns.items()))
    return table


def _cell(value: Any, write: str | Callable[[Any], str]) -> str:
    if value is None or value != value:  # NaN is not equal to itself
        return "-"
    return write(value) if callable(write) else format(value, write)


def write_csv(results: Mapping[str, xr.Dataset], folder: Path) -> Iterator[Path]:
    """Write each result as CSV files, one for all its variables of the same dimensions, one value a row."""
    for title, result in results.items():
        shapes = list(dict.fromkeys(variable.dims for variable in result.data_vars.values()))
        for dims in shapes:
            part = result[[name for name, variable in result.data_vars.items() if variable.dims == dims]]
            by = f" by {' '.join(map(str, dims))}" if dims and len(shapes) > 1 else ""
            path = folder / (re.sub(r"[^\w.-]+", "_", title + by) + ".csv")
            rows = part if dims else part.expand_dims("row")
            text = rows.to_dataframe().reset_index(drop=not dims).to_csv(index=False)
            atomic_write(path, partial(Path.write_text, data=text, encoding="utf-8"))
            yield path
