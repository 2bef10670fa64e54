"""`bitlens measure`: in this process, in several, or on a Dask cluster; its progress, and what it would compute."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bitlens.cli import report
from bitlens.cli.options import Csv, RunPath, with_parameter_options
from bitlens.cli.render import Column, print_values, render, write_csv
from bitlens.estimators import PUBLISHED_SETTINGS
from bitlens.measures import COMPUTED, MEASURES, announcements, measure
from bitlens.measures.registry import planned
from bitlens.runs import Run, RunError, open_run

if TYPE_CHECKING:
    from distributed import Client

Published = StrEnum("Published", [(name, name) for name in PUBLISHED_SETTINGS])  # type: ignore[misc]  # from a list


@with_parameter_options
def measure_command(
    run: RunPath,
    measures: Annotated[
        list[str] | None,
        typer.Option(
            "--measure",
            help=f"One of {', '.join(COMPUTED)}; may be repeated. All, if left out.",
            autocompletion=lambda: list(COMPUTED),
        ),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="A measure that is left out; may be repeated.", autocompletion=lambda: list(COMPUTED)),
    ] = None,
    published_settings: Annotated[
        Published | None, typer.Option(help="Settings of other authors for matrix-based information.")
    ] = None,
    csv: Csv = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of processes that compute at the same time on this machine.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler whose workers compute, such as tcp://10.0.0.1:8786."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print how much there is to compute.")] = False,
    *,
    parameters: dict[str, Any],
) -> None:
    """Measure a run over all its epochs. Results are stored in the run; stored results are not computed again."""
    opened, console = open_run(run), Console()
    names, skipped = (_names(given) for given in (measures, skip))
    published = published_settings.value if published_settings else None
    if dry_run:
        _print_plan(opened, names, published, parameters, skipped, console)
        return
    with _executor(workers, scheduler) as executor, shown_progress() as shown:
        results = measure(
            opened,
            names or None,
            skip=skipped,
            published=published,
            executor=executor,
            progress=shown.progress,
            finished=shown.finished,
            skipped=warn,
            **parameters,
        )
    for sentence in (s for name in names or COMPUTED for s in MEASURES[name].ignored(opened)):
        warn(sentence)
    if names and opened.results.has_unsaved:
        print_values(results, console)
    elif names:
        report.print_calls(opened, names, published, parameters, skipped, console)
    else:
        report.print_summary(opened, console, **parameters)
    if csv is not None:
        for path in write_csv(results, csv):
            console.print(f"Wrote {path}", soft_wrap=True, markup=False, highlight=False)


def warn(sentence: str) -> None:
    """Print a sentence on the standard error stream."""
    Console(stderr=True).print(sentence, style="yellow", markup=False, highlight=False, soft_wrap=True)


class Shown:
    """A bar with the total and the remaining time on a terminal; a line for each finished measure elsewhere."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("measure", total=None)

    def progress(self, title: str, done: int, total: int) -> None:
        """Show a task, and how many of how many have ended."""
        self._bar.update(self._task, description=title, completed=done, total=total)

    def finished(self, sentence: str) -> None:
        """Show that a measure has ended."""
        if not self._bar.console.is_terminal:
            self._bar.console.print(sentence, soft_wrap=True, markup=False, highlight=False)


@contextlib.contextmanager
def shown_progress() -> Iterator[Shown]:
    """Show the progress of a computation on the standard error stream."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield Shown(bar)


@contextlib.contextmanager
def _executor(workers: int | None, scheduler: str | None) -> Iterator[int | Client | None]:
    if workers is not None and scheduler is not None:
        raise typer.BadParameter("choose either --workers or --scheduler", param_hint="'--workers'")
    if scheduler is None:
        yield workers
        return
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise RunError(f"--scheduler needs {error.name}: pip install 'bitlens[cluster]'") from None
    # A lost scheduler is reported in one sentence, and not by Dask's messages about every connection as well.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RunError(
            f"--scheduler: expected the address of a Dask scheduler, got {scheduler!r}, where none answers ({error})"
        ) from None
    with client:
        yield client


def _names(given: Sequence[str] | None) -> list[str]:
    return [name.replace("-", "_") for name in given or ()]


def _print_plan(
    run: Run,
    names: Sequence[str],
    published: str | None,
    parameters: dict[str, Any],
    skip: Sequence[str],
    console: Console,
) -> None:
    """How many tasks each measure has, and about how long they take."""
    rows: dict[str, dict[str, Any]] = {}
    tasks = []
    for each, target, settings in planned(run, names or None, published, parameters, warn, skip):
        missing = each.missing(run, target, settings)
        tasks += missing
        row = rows.setdefault(each.name, {"measure": each.name, "targets": 0, "tasks": 0, "stored": 0, "seconds": 0.0})
        row["targets"] += 1
        row["tasks"] += len(missing)
        row["seconds"] += each.seconds(run, target, settings) * len(missing)
        row["stored"] += len(each.recorded_epochs(run)) - len(missing)
    number = ".0f"
    columns: dict[str, Column] = {
        "measure": ("measure", str),
        "targets": ("targets", number),
        "tasks": ("to compute", number),
        "stored": ("stored already", number),
        "seconds": ("seconds", ".1f"),
    }
    total = _duration(sum(row["seconds"] for row in rows.values()))
    caption = (
        f"{len(tasks)} tasks in all, which take about {total} of one thread. The time is estimated from sizes, within "
        "a factor of about 3. A task is one measure of one target at one epoch, and workers execute tasks at the same "
        "time."
    )
    console.print(
        render(pd.DataFrame(list(rows.values()), columns=list(columns)), columns, f"Tasks of {run.path}", caption)
    )
    for sentence in announcements(run, tasks):
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)


def _duration(seconds: float) -> str:
    """A time in the unit in which it is at least 1.5."""
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
