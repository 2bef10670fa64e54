"""Stored results as xarray Datasets and netCDF files, which other programs can open."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bitlens.runs.files import atomic_write
from bitlens.runs.result_key import ResultKey
from bitlens.runs.result_types import StoredArray, StoredSeries

if TYPE_CHECKING:
    from bitlens.runs.reader import Run


def to_dataset(key: ResultKey, series: list[StoredSeries]) -> xr.Dataset:
    """The results of a key as one Dataset along "epoch", ascending.

    Parameters
    ----------
    key : ResultKey
        Its measure, version and settings become attributes.
    series : list of StoredSeries
        At least one, as `ResultStore.load` gives them. Where their coordinates differ, the Dataset has all of them,
        and missing values where an epoch has none.
    """
    datasets = [
        xr.Dataset(
            {name: _variable(array) for name, array in entry.variables.items()},
            {"epoch": entry.epochs, **{name: _variable(array) for name, array in entry.coordinates.items()}},
        )
        for entry in series
    ]
    if len(datasets) == 1:
        (combined,) = datasets
    else:
        combined = xr.concat(
            datasets,
            "epoch",
            data_vars="all",
            coords="different",
            compat="equals",
            join="outer",
            combine_attrs="override",
        ).sortby("epoch")
    combined.attrs = {
        **{name: value for name, value in key.settings.items() if isinstance(value, (str, int, float))},
        "measure": key.measure,
        "version": key.version,
        "settings": json.dumps(key.settings, sort_keys=True),
    }
    return combined


def _variable(array: StoredArray) -> xr.Variable:
    return xr.Variable(array.dims, array.values, dict(array.attributes))


def export_netcdf(run: Run, folder: str | os.PathLike[str]) -> list[Path]:
    """Write all valid results of a run, of every version, as netCDF files.

    Parameters
    ----------
    run : Run
        A recorded run.
    folder : path
        Where to write ``<measure>/<version>-<digits of the key>.nc``. Files of these names are replaced.

    Returns
    -------
    list of Path
        The files, one for each key that has valid results. The attributes of a file hold its measure, version and
        settings. Values of float16 become float32, which netCDF has.

    Raises
    ------
    OSError
        If the folder cannot be written.

    Examples
    --------
    >>> import bitlens
    >>> from bitlens.runs.result_export import export_netcdf
    >>> files = export_netcdf(bitlens.open_run("demo-run"), "exported")
    """
    files = []
    for key in run.results.keys():  # noqa: SIM118, not a mapping
        series = run.results.load(key)
        if not series:
            continue
        dataset = to_dataset(key, series)
        for name, array in dataset.variables.items():
            if array.dtype == np.float16:
                dataset[name] = dataset[name].astype(np.float32)
        for name, value in list(dataset.attrs.items()):
            if isinstance(value, bool):
                dataset.attrs[name] = int(value)
        path = Path(folder) / key.measure / f"{key.version}-{key.digest}.nc"
        atomic_write(path, lambda temporary, dataset=dataset: dataset.to_netcdf(temporary, engine="h5netcdf"))  # type: ignore[misc]
        files.append(path)
    return files
