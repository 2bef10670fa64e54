"""The report as one HTML file without scripts and without requests to other hosts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

import bitlens
from bitlens import tables
from bitlens.measures import titled
from bitlens.runs import Run, atomic_write
from bitlens_explorer.report.comparison import comparison
from bitlens_explorer.report.figure import MOST_ROWS, Figure, Section
from bitlens_explorer.report.sections import run_sections
from bitlens_explorer.report.stored import StoredResults
from bitlens_explorer.results.known import described
from bitlens_explorer.ui.text import number_ranges

MOST_RUNS = 4
"""More runs cannot be told apart in one chart."""


def write_report(paths: Sequence[Path], out: Path) -> list[str]:
    """Write the report of runs into a file.

    Parameters
    ----------
    paths : sequence of Path
        Folders of one to four runs.
    out : Path
        The HTML file; it is replaced if it exists.

    Returns
    -------
    list of str
        Sentences about results that the report leaves out.

    Raises
    ------
    RunError
        If a folder is not a readable run.
    ValueError
        If the number of runs is not supported, or a folder is named twice.
    """
    if not 1 <= len(paths) <= MOST_RUNS:
        raise ValueError(f"runs: expected 1 to {MOST_RUNS} runs, got {len(paths)}; write several reports")
    runs = tables.named_runs([bitlens.open_run(path) for path in paths])
    stored = {name: StoredResults(run) for name, run in runs.items()}
    template = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text = template.from_string((files(__package__) / "report.html").read_text("utf-8")).render(
        names=list(runs),
        comparison=comparison(stored) if len(stored) > 1 else None,
        parts=[_part(name, results) for name, results in stored.items()],
        version=bitlens.build_info()["version"],
        date=datetime.date.today().isoformat(),
        most_rows=MOST_ROWS,
        svg=lambda figure, number: jinja2.filters.do_mark_safe(figure.svg(f"f{number}")),
    )
    atomic_write(out, partial(Path.write_text, data=text, encoding="utf-8"))
    return [f"{name}: {note}" for name, results in stored.items() for note in results.notes]


def _part(name: str, stored: StoredResults) -> dict[str, Any]:
    """What the report has about one run."""
    sections = run_sections(stored)
    return {
        "name": name,
        "recording": _recording(stored.run),
        "sections": sections,
        "measured": _measured(stored),
        "notes": list(stored.notes),
    }


def _recording(run: Run) -> Mapping[str, str]:
    manifest = run.manifest
    return {
        "model": manifest.model,
        "samples of the probe": str(manifest.samples),
        "classes": ", ".join(manifest.classes) or "not known",
        "layers": str(len(manifest.layers)),
        "epochs with activations": number_ranges(run.epochs) or "none",
        "stored as": manifest.dtype + (", with loss gradients" if manifest.gradients else ""),
        "probe (SHA-256)": manifest.probe_sha256,
        "recorded with": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }


def _measured(stored: StoredResults) -> Section:
    """All results with their parameters, also those that no figure shows."""
    table = pd.DataFrame(
        [
            {
                "measure": titled(measure, known.target),
                "parameters": described(known),
                "epochs": number_ranges(list(known.epochs)) if measure.by_epoch else "",
                "in this report": known.id in stored.drawn,
            }
            for measure, known in stored.all()
        ],
        columns=["measure", "parameters", "epochs", "in this report"],
    )
    caption = "Every set of results in the run, with all parameters that it depends on, including seeds."
    return Section("What was measured", [Figure("Results and parameters", caption, table, open=len(table) <= 40)])
