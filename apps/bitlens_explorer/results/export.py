"""All results of a run as one archive of CSV files."""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import dataclass
from typing import Any

from bitlens.runs import Run
from bitlens_explorer import figures

_MOST = 1_000_000
"""Values of a map that are still written."""


@dataclass(frozen=True)
class Measured:
    """Results of one measure with the same parameters."""

    measure: str
    parameters: dict[str, Any]
    epochs: list[int]


def measured(run: Run) -> list[Measured]:
    """What the run keeps, by measure."""
    return [
        Measured(measure, parameters, run.results.epochs(measure, parameters))
        for measure in run.results.measures()
        for parameters in run.results.recorded(measure)
    ]


def archive(run: Run) -> bytes:
    """A folder for every measure and its parameters, in it a table for every epoch and shape of variables."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archived:
        for number, found in enumerate(measured(run)):
            if found.measure == "deconvolution":
                continue  # pictures, which would be millions of rows
            for epoch in found.epochs:
                result = run.results.load(found.measure, found.parameters, epoch)
                for dims in dict.fromkeys(variable.dims for variable in result.data_vars.values()):
                    if "input_0" in dims and math.prod(result.sizes[name] for name in dims) > _MOST:
                        continue  # maps of large images, likewise
                    part = result[[name for name, variable in result.data_vars.items() if variable.dims == dims]]
                    rows = (part if dims else part.expand_dims("row")).to_dataframe().reset_index(drop=not dims)
                    by = "_".join(map(str, dims)) or "numbers"
                    about = {"measure": found.measure, **found.parameters, "epoch": epoch}
                    archived.writestr(
                        f"{number:03}_{found.measure}/epoch{epoch}_{by}.csv",
                        figures.csv(run, rows.set_index(rows.columns[0]), about),
                    )
        archived.writestr("parameters.json", json.dumps([vars(found) for found in measured(run)], indent=1))
    return file.getvalue()
