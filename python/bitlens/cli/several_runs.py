"""Commands about several runs: their comparison as a table, and a report as one file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape

from bitlens.cli.measure import warn
from bitlens.cli.options import Csv
from bitlens.cli.render import Column, render
from bitlens.runs import RunError, atomic_write, open_run
from bitlens.tables import comparison_texts, named_runs, run_comparison, run_overview

RunPaths = Annotated[
    list[Path], typer.Argument(metavar="RUN...", help="Folders of one to four recorded runs.", show_default=False)
]

MOST_RUNS = 4
OTHER_PROBES = (
    "The probes differ: the estimates are of different samples, and a difference may come from the data as well as "
    "from the network."
)
CAPTION = (
    "± is a standard error over samples. at least: a lower bound. at most ... (chance): not above chance. differs: the "
    "95 % interval of the difference excludes 0, which also happens by chance in about one of twenty rows. The error "
    "does not have the variation between two trainings of the same network. Empty layer: the whole network."
)


def compare_command(
    runs: RunPaths,
    epoch: Annotated[
        int | None, typer.Option(help="Epoch of all runs. [default: the last one of each run]", show_default=False)
    ] = None,
    csv: Csv = None,
) -> None:
    """Print the stored estimates of two to four runs, with their differences to the first run."""
    if not 2 <= len(runs) <= MOST_RUNS:
        raise RunError(f"RUN: expected 2 to {MOST_RUNS} runs, got {len(runs)}")
    opened, console = named_runs([open_run(path) for path in runs]), Console()
    table = run_comparison(opened, epoch)
    texts, overview = comparison_texts(table), run_overview(opened)
    columns: dict[str, Column] = {name: (name.replace("_", " "), _text) for name in overview}
    caption = "" if overview["same_probe"].all() else OTHER_PROBES
    console.print(render(overview, columns, "Runs", caption))
    shown = dict(zip(table["run"], table["epoch"], strict=True))
    epochs = ", ".join(f"{name} at epoch {e}" for name, e in shown.items() if e is not pd.NA)
    columns = {name: (escape(name), _text) for name in texts if name != "unit"}
    texts["quantity"] = [f"{row.quantity} ({row.unit})" for row in texts.itertuples()]
    console.print(render(texts, columns, escape(f"Estimates: {epochs}"), CAPTION))
    if csv is not None:
        for name, frame in {"runs": overview, "comparison": table}.items():
            path = csv / f"{name}.csv"
            atomic_write(path, partial(Path.write_text, data=frame.to_csv(index=False), encoding="utf-8"))
            console.print(f"Wrote {path}", soft_wrap=True)


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else escape(str(value))


def report_command(
    runs: RunPaths,
    out: Annotated[Path, typer.Option(help="The HTML file; a file that has this name is replaced.")] = Path(
        "report.html"
    ),
) -> None:
    """Write figures, tables and parameters of runs into one HTML file, which can be read without bitlens."""
    try:
        from bitlens_explorer.report import write_report
    except ModuleNotFoundError as error:
        raise RunError(f"the report needs {error.name}: pip install 'bitlens[explorer]'") from None
    if out.is_dir():
        raise RunError(f"--out: expected a file, got the folder {out}; name a file such as {out / 'report.html'}")
    try:
        left_out = write_report(runs, out)
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror}") from None
    for sentence in left_out:
        warn(f"bitlens: {sentence}")
    size = out.stat().st_size / 2**20
    Console().print(f"Wrote {out} ({size:.1f} MiB)", soft_wrap=True, markup=False, highlight=False)
