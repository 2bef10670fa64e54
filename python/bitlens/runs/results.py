"""What measures gave, kept in the run: one netCDF file for each measure, set of parameters and epoch."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from bitlens.runs.layout import RESULTS, RunError, atomic_write

Parameters = Mapping[str, Any]


class Results:
    """The results folder of a run."""

    def __init__(self, run: Path) -> None:
        self._folder = run / RESULTS

    def load(self, measure: str, parameters: Parameters, epoch: int) -> xr.Dataset:
        """The result of one of `epochs`."""
        path = self._path(measure, parameters, epoch)
        try:
            return xr.load_dataset(path, engine="h5netcdf")
        except (OSError, ValueError) as error:
            raise RunError(f"{path} is damaged: {error}; remove it to have it computed again") from None

    def save(self, measure: str, parameters: Parameters, epoch: int, result: xr.Dataset) -> None:
        """Keep the result of one epoch."""
        path = self._path(measure, parameters, epoch)
        note = path.with_name("parameters.json")
        if not note.exists():
            text = _canonical(parameters) + "\n"
            atomic_write(note, lambda temporary: temporary.write_text(text, "utf-8"))
        atomic_write(path, lambda temporary: result.to_netcdf(temporary, engine="h5netcdf"))

    def epochs(self, measure: str, parameters: Parameters) -> list[int]:
        """Epochs that have a result, ascending."""
        return sorted(int(path.stem) for path in self._path(measure, parameters, 0).parent.glob("[0-9]*.nc"))

    def measures(self) -> list[str]:
        """Names of the measures that have results."""
        return sorted(path.name for path in self._folder.glob("*") if path.is_dir())

    def recorded(self, measure: str) -> list[dict[str, Any]]:
        """The sets of parameters that a measure has results for."""
        notes = sorted(self._folder.glob(f"{measure}/*/parameters.json"))
        found = []
        for note in notes:
            try:
                parameters = json.loads(note.read_text("utf-8"))
            except ValueError:
                parameters = None
            if not isinstance(parameters, dict):
                raise RunError(f"{note} is damaged; remove its folder, and what was in it is measured anew")
            found.append(parameters)
        return found

    def _path(self, measure: str, parameters: Parameters, epoch: int) -> Path:
        key = hashlib.sha256(_canonical(parameters).encode()).hexdigest()[:12]
        return self._folder / measure / key / f"{epoch:04d}.nc"


def _canonical(parameters: Parameters) -> str:
    return json.dumps(dict(parameters), sort_keys=True, default=operator.index)
