"""The page of a paper: tables, and the pictures, verdicts and text that are made from the published tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from bitlens.runs import atomic_write
from paper_figures.common.verdict import Outcome, Verdict

Tables = Mapping[str, pd.DataFrame]
Settings = TypeVar("Settings")
"""A dataclass of numbers and tuples: everything that the text of a page depends on, besides the tables."""
_RESULTS = "results.json"
_TEXT = "README.md"


@dataclass(frozen=True)
class Paper(Generic[Settings]):
    """How the page of a paper is made.

    Parameters
    ----------
    title : str
        The heading of the page.
    settings : type
        The dataclass of the settings.
    tables : tuple of str
        Names of the tables, each of which is published as a CSV file.
    draw : callable
        Makes the pictures by name.
    judge : callable
        Makes the verdicts by name.
    sections : callable
        Makes the paragraphs below the heading. The settings are those of each figure, because a figure can be measured
        again alone.
    """

    title: str
    settings: type[Settings]
    tables: tuple[str, ...]
    draw: Callable[[Tables, Mapping[str, Settings]], dict[str, Figure]]
    judge: Callable[[Tables, Mapping[str, Settings]], dict[str, Verdict]]
    sections: Callable[[Tables, Mapping[str, Settings], Mapping[str, Verdict]], list[str]]


def write_page(
    paper: Paper[Settings],
    out: Path,
    tables: Tables,
    settings: Settings,
    more_pictures: Mapping[str, Figure] | None = None,
) -> None:
    """Write CSV, PNG, results.json and README.md, each whole or not at all.

    Tables that are not given stay as they are published, with their settings. A given table with a column ``figure``
    replaces only the rows of its figures.
    """
    out.mkdir(parents=True, exist_ok=True)
    by_table = dict.fromkeys(tables, settings)
    if (out / _RESULTS).exists():
        stored, stored_settings, _ = read_page(paper, out)
        tables = {name: _with_stored_rows(table, stored[name]) for name, table in tables.items()}
        by_table = stored_settings | by_table
    for name, table in tables.items():
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        _write_text(out / f"{name}.csv", text)
    published = _read_tables(paper, out)
    for name, figure in (paper.draw(published, by_table) | dict(more_pictures or {})).items():
        atomic_write(out / f"{name}.png", partial(figure.savefig, format="png", dpi=100))
    results = {
        "settings": {name: asdict(by_table[name]) for name in paper.tables},  # type: ignore[call-overload]
        "verdicts": {name: verdict.held for name, verdict in paper.judge(published, by_table).items()},
    }
    _write_text(out / _RESULTS, json.dumps(results, indent=1) + "\n")
    _write_text(out / _TEXT, page_text(paper, published, by_table))


def read_page(paper: Paper[Settings], out: Path) -> tuple[Tables, dict[str, Settings], dict[str, dict[str, Outcome]]]:
    """Read what `write_page` wrote: tables, the settings of each, and verdicts."""
    results = json.loads((out / _RESULTS).read_text("utf-8"))
    settings = {
        table: paper.settings(**{name: _tuples(value) for name, value in values.items()})
        for table, values in results["settings"].items()
    }
    return _read_tables(paper, out), settings, results["verdicts"]


def page_text(paper: Paper[Settings], tables: Tables, settings: Mapping[str, Settings]) -> str:
    """Return the text of a page."""
    sections = paper.sections(tables, settings, paper.judge(tables, settings))
    end = f"All verdicts and settings in a form for programs: [{_RESULTS}]({_RESULTS})."
    return "\n\n".join([f"# {paper.title}", *sections, end]) + "\n"


def differing(settings: Settings, usual: Settings) -> str:
    """Return the settings that differ from the usual ones, such as "`seeds` 2 instead of 3"; "" if all are usual."""
    values, others = (asdict(one) for one in (settings, usual))  # type: ignore[call-overload]
    return ", ".join(
        f"`{name}` {value} instead of {others[name]}" for name, value in values.items() if value != others[name]
    )


def section(title: str, pictures: Mapping[str, str], table: str, caption: str, *paragraphs: str) -> str:
    """Return a section: pictures (titles by file name), a caption that ends with a link to the table, and text."""
    images = [f"![{words}]({name}.png)" for name, words in pictures.items()]
    return "\n\n".join([f"## {title}", *images, f"{caption} [Table]({table}.csv).", *paragraphs])


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table in Markdown."""
    names = list(header)
    lines = [names, ["---"] * len(names), *(list(map(str, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not 1."""
    return f"{number} {noun}{'s' * (number != 1)}"


def panels(rows: int, columns: int, width: float = 4.3, height: float = 3.3) -> tuple[Figure, Any]:
    """Return a figure and its axes, an array [rows, columns]; width and height of a panel are in inches."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _read_tables(paper: Paper[Any], out: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(out / f"{name}.csv") for name in paper.tables}


def _with_stored_rows(table: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """The table, with the stored rows of the figures that it has no rows of."""
    if "figure" not in table:
        return table
    others = stored[~stored.figure.isin(table.figure)]
    return pd.concat([table, others]) if len(others) else table


def _write_text(path: Path, text: str) -> None:
    atomic_write(path, lambda temporary: temporary.write_bytes(text.encode()))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
