"""Results as files: their names, single tables as CSV, and all results of a run as one archive."""

from __future__ import annotations

import io
import json
import math
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

import bitlens
from bitlens.measures import MEASURES
from bitlens.runs import Run
from bitlens_explorer.results.known import AnyKnown, AnyMeasure, known_sets, load

_MOST_VALUES = 1_000_000
"""Larger tables are left out of the archive."""


def measured(run: Run) -> list[tuple[AnyMeasure, AnyKnown]]:
    """All results of the run, by measure."""
    return [(measure, known) for measure in MEASURES.values() for known in known_sets(run, measure)]


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
    """A ZIP file: a folder for each measure and its parameters, with a table for each shape of variables."""
    file = io.BytesIO()
    sets = measured(run)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archived:
        for number, (measure, known) in enumerate(sets):
            results = load(run, known, cached=False)
            for name, table in _tables(results.value).items() if results is not None else ():
                about = {"measure": measure.name, **known.key.settings}
                archived.writestr(f"{number:03}_{measure.name}/{name}.csv", to_csv(run, table, about))
        contents = [
            {"measure": measure.name, "parameters": known.key.settings, "epochs": known.epochs}
            for measure, known in sets
        ]
        archived.writestr("parameters.json", json.dumps(contents, indent=1))
    return file.getvalue()


def _tables(results: xr.Dataset) -> dict[str, Any]:
    """The variables of results as tables, one for each combination of dimensions."""
    tables = {}
    for dims in dict.fromkeys(variable.dims for variable in results.data_vars.values()):
        if math.prod(results.sizes[name] for name in dims) > _MOST_VALUES:
            continue
        part = results[[name for name, variable in results.data_vars.items() if variable.dims == dims]]
        rows = (part if dims else part.expand_dims("row")).to_dataframe().reset_index(drop=not dims)
        tables["_".join(map(str, dims)) or "numbers"] = rows
    return tables
