"""Show the progress on the screen while cases run, and a table of the results at the end."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from bench.compare import share


class Progress:
    """A progress bar over the cases, with a description of the current step."""

    def __init__(self, total: int) -> None:
        columns = (BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._bar = Bar(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("", total=total)
        self._case = ""

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._bar.update(self._task, completed=self._bar.tasks[0].total, description="done")
        self._bar.stop()

    def case(self, name: str) -> None:
        """Begin the next case."""
        if self._case:
            self._bar.advance(self._task)
        self._case = name
        self.step("")

    def step(self, doing: str) -> None:
        """Describe the current step of the case."""
        self._bar.update(self._task, description=escape(f"{self._case}: {doing}"))

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(escape(text), highlight=False)


def table(cases: dict[str, Any]) -> Table:
    """Return a table with every contestant of every case."""
    shown = Table("case", "by", "time", "ratio", "share of bound", "peak memory (increase)")
    for name, record in cases.items():
        if "missing" in record:
            shown.add_row(name, escape(record["missing"]), end_section=True)
            continue
        rows = record["contestants"].values()
        for number, row in enumerate(rows, 1):
            scaled = "~" if row["scale"] != 1 else ""
            memory = (
                f"{row['peak_mib']:.0f} ({row['peak_mib'] - row['baseline_mib']:.0f}) MiB" if "peak_mib" in row else ""
            )
            shown.add_row(
                name if number == 1 else "",
                row["label"],
                f"{scaled}{row['seconds']:.3g} s",
                "" if number == 1 else f"{scaled}{row['ratio']:.1f} x",
                share(record, cases) if number == 1 else "",
                memory,
                end_section=number == len(rows),
            )
    shown.caption = "share of bound: of the hardware bound; ~: measured on a part of the case and scaled"
    return shown
