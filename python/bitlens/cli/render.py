"""Tables of results as a terminal shows them and as CSV files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from bitlens.runs import atomic_write

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Column = tuple[str, str | Callable[[Any], str]]
"""The heading of a column, and how its values are written: a format such as ".3f", or a function."""


@dataclass(frozen=True)
class FittedTable:
    """A table of texts, of which no cell is cut: where it is wider than the terminal, each row becomes a list."""

    headings: Sequence[str]
    is_number: Sequence[bool]
    rows: Sequence[Sequence[str]]
    title: str
    caption: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table if its numbers fit, with other texts and headings on several lines, else a line for each value."""
        columns = list(zip(self.headings, *self.rows, strict=True))
        least = [_least_width(cells, number) for cells, number in zip(columns, self.is_number, strict=True)]
        left = options.max_width - 3 * len(columns) - 1 - sum(least)
        if left < 0:
            yield self._as_lists()
            return
        table = Table(title=self.title, caption=self.caption)
        for number, heading in zip(self.is_number, self.headings, strict=True):
            table.add_column(heading, justify="right" if number else "left", overflow="fold")
        for column, cells, width in reversed(list(zip(table.columns, columns, least, strict=True))):
            more = min(max(map(cell_len, cells)) - width, left)
            column.width, left = width + more, left - more
        for row in self.rows:
            table.add_row(*row)
        yield table

    def _as_lists(self) -> Text:
        lines = [self.title, ""]
        for row in self.rows:
            lines += [f"{name}: {cell}" for name, cell in zip(self.headings, row, strict=True) if cell]
            lines.append("")
        return Text("\n".join([*lines, self.caption]))


def _least_width(cells: Sequence[str], is_number: bool) -> int:
    """The least width of a heading and the cells below it: a number is on one line, other texts break at spaces."""
    heading, *values = cells
    words = [*heading.split(), *(values if is_number else (word for value in values for word in value.split()))]
    return max(map(cell_len, words), default=0)


def render(frame: pd.DataFrame, columns: Mapping[str, Column], title: str, caption: str) -> FittedTable:
    """A table of some columns of a frame; a missing value is a dash."""
    return FittedTable(
        [heading for heading, _ in columns.values()],
        [frame[name].dtype.kind in "fiu" for name in columns],
        [[_cell(row[name], write) for name, (_, write) in columns.items()] for row in frame.to_dict("records")],
        title,
        caption,
    )


def _cell(value: Any, write: str | Callable[[Any], str]) -> str:
    if value is None or value != value:  # NaN is not equal to itself
        return "-"
    return write(value) if callable(write) else format(value, write)


def tidy_tables(title: str, result: xr.Dataset) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables of a result with their titles: one for all variables of the same dimensions, one value a row."""
    shapes = list(dict.fromkeys(variable.dims for variable in result.data_vars.values()))
    for dims in shapes:
        part = result[[name for name, variable in result.data_vars.items() if variable.dims == dims]]
        by = f" by {' '.join(map(str, dims))}" if dims and len(shapes) > 1 else ""
        rows = part if dims else part.expand_dims("row")
        yield title + by, rows.to_dataframe().reset_index(drop=not dims)


def write_csv(results: Mapping[str, xr.Dataset], folder: Path) -> Iterator[Path]:
    """Write each result as CSV files, one for each of its tidy tables."""
    for name, result in results.items():
        for title, table in tidy_tables(name, result):
            path = folder / (re.sub(r"[^\w.-]+", "_", title) + ".csv")
            atomic_write(path, partial(Path.write_text, data=table.to_csv(index=False), encoding="utf-8"))
            yield path


_ROWS = 40
"""The most rows of a table of values that are printed."""


def print_values(results: Mapping[str, xr.Dataset], console: Console) -> None:
    """The values of results that could not be stored."""
    for name, result in results.items():
        for title, table in tidy_tables(name, result):
            left = len(table) - _ROWS
            lines = [title, table.head(_ROWS).to_string(index=False)]
            lines += [f"{left} rows more: --csv FOLDER writes all of them"] if left > 0 else []
            console.print("\n".join(lines), end="\n\n", soft_wrap=True, markup=False, highlight=False)


def print_line(console: Console, text: str) -> None:
    """Print a line that can be copied: it is not wrapped."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)
