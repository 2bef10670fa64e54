"""Results as files: their names, single tables as CSV, and all results of a run as one archive."""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

import bitlens
from bitlens.runs import Run

_MOST_VALUES = 1_000_000
"""Larger maps are left out of the archive."""


@dataclass(frozen=True)
class Measured:
    """Results of one measure with one set of parameters."""

    measure: str
    parameters: dict[str, Any]
    epochs: list[int]


def measured(run: Run) -> list[Measured]:
    """All results of the run, by measure."""
    return [
        Measured(measure, parameters, run.results.epochs(measure, parameters))
        for measure in run.results.measures()
        for parameters in run.results.recorded(measure)
    ]


def file_name(run: Run, *parts: object, ending: str = "") -> str:
    """Such as bitlens_run_layers_conv1_pool1_epoch3.csv."""
    words = [re.sub(r"[^A-Za-z0-9-]+", "-", str(part)).strip("-") for part in (run.path.name, *parts)]
    return "_".join(["bitlens", *filter(None, words)]) + (f".{ending}" if ending else "")


def to_csv(run: Run, frame: Any, about: Mapping[str, object]) -> str:
    """A table as CSV, after comment lines with its origin. A default index is not written."""
    notes = {"run": run.path.name, "model": run.manifest.model, **about, "bitlens": bitlens.build_info()["version"]}
    lines = [f"# {name}: {' '.join(str(value).split())}" for name, value in notes.items() if value is not None]
    return "\n".join([*lines, frame.to_csv(index=not has_default_index(frame))])


def has_default_index(frame: Any) -> bool:
    """Whether the rows of a table are numbered only."""
    return isinstance(frame.index, pd.RangeIndex)


def archive(run: Run) -> bytes:
    """A ZIP file: a folder for each measure and its parameters, with a table for each epoch and shape of variables."""
    file = io.BytesIO()
    sets = measured(run)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archived:
        for number, results in enumerate(sets):
            if results.measure == "deconvolution":
                continue  # images, which would be millions of rows
            for epoch in results.epochs:
                about = {"measure": results.measure, **results.parameters, "epoch": epoch}
                result = run.results.load(results.measure, results.parameters, epoch)
                for name, table in _tables(result).items():
                    archived.writestr(
                        f"{number:03}_{results.measure}/epoch{epoch}_{name}.csv", to_csv(run, table, about)
                    )
        archived.writestr("parameters.json", json.dumps([vars(results) for results in sets], indent=1))
    return file.getvalue()


def _tables(result: Any) -> dict[str, Any]:
    """The variables of a result as tables, one for each combination of dimensions."""
    tables = {}
    for dims in dict.fromkeys(variable.dims for variable in result.data_vars.values()):
        if "input_0" in dims and math.prod(result.sizes[name] for name in dims) > _MOST_VALUES:
            continue  # maps of large images
        part = result[[name for name, variable in result.data_vars.items() if variable.dims == dims]]
        rows = (part if dims else part.expand_dims("row")).to_dataframe().reset_index(drop=not dims)
        tables["_".join(map(str, dims)) or "numbers"] = rows
    return tables
