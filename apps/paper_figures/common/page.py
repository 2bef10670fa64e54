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
from paper_figures.common.verdict import Verdict

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
        Makes the paragraphs below the heading.
    """

    title: str
    settings: type[Settings]
    tables: tuple[str, ...]
    draw: Callable[[Tables, Settings], dict[str, Figure]]
    judge: Callable[[Tables, Settings], dict[str, Verdict]]
    sections: Callable[[Tables, Settings, Mapping[str, Verdict]], list[str]]


def write_page(
    paper: Paper[Settings],
    out: Path,
    tables: Tables,
    settings: Settings,
    more_pictures: Mapping[str, Figure] | None = None,
) -> None:
    """Write CSV, PNG, results.json and README.md, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    for name in paper.tables:
        table = tables[name].to_csv(index=False, float_format="%.6g", lineterminator="\n")
        _write_text(out / f"{name}.csv", table)
    published = _read_tables(paper, out)
    for name, figure in (paper.draw(published, settings) | dict(more_pictures or {})).items():
        atomic_write(out / f"{name}.png", partial(figure.savefig, format="png", dpi=100))
    results = {
        "settings": asdict(settings),  # type: ignore[call-overload]
        "verdicts": {name: verdict.held for name, verdict in paper.judge(published, settings).items()},
    }
    _write_text(out / _RESULTS, json.dumps(results, indent=1) + "\n")
    _write_text(out / _TEXT, page_text(paper, published, settings))


def read_page(paper: Paper[Settings], out: Path) -> tuple[Tables, Settings, dict[str, dict[str, bool]]]:
    """Read what `write_page` wrote: tables, settings and verdicts."""
    results = json.loads((out / _RESULTS).read_text("utf-8"))
    settings = paper.settings(**{name: _tuples(value) for name, value in results["settings"].items()})
    return _read_tables(paper, out), settings, results["verdicts"]


def page_text(paper: Paper[Settings], tables: Tables, settings: Settings) -> str:
    """Return the text of a page."""
    sections = paper.sections(tables, settings, paper.judge(tables, settings))
    end = f"All verdicts and settings in a form for programs: [{_RESULTS}]({_RESULTS})."
    return "\n\n".join([f"# {paper.title}", *sections, end]) + "\n"


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


def _write_text(path: Path, text: str) -> None:
    atomic_write(path, lambda temporary: temporary.write_bytes(text.encode()))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
