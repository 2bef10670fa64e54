"""Units of the inputs as they are drawn: averaged over channels, as rows and columns, coarsened if they are many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bitlens import tables
from bitlens.runs import Run


def axes(run: Run) -> tuple[list[str], list[str]]:
    """Axes of the inputs that maps are averaged over, and those that are drawn: rows and columns, or all others."""
    names = [f"input_{i}" for i in range(run.inputs.ndim - 1)]
    if run.layers[0].is_spatial:
        channel = names.pop(run.layers[0].channel_axis - 1)
        return [channel], names
    return [], names


def are_images(run: Run) -> bool:
    """Whether the inputs have rows and columns."""
    return len(axes(run)[1]) == 2


def averaged_channels(run: Run) -> int:
    """How many channels a map is the mean of; 0 for one channel."""
    channels = run.layers[0].channels if axes(run)[0] else 1
    return channels if channels > 1 else 0


def to_maps(run: Run, values: xr.DataArray, most: int) -> tuple[xr.DataArray, int]:
    """Values of units as maps [..., row, column] or [..., unit], and the number of units along a side of a value."""
    return tables.unit_maps(values, axes(run)[0], most)


def input_maps(run: Run, samples: Sequence[int], most: int) -> xr.DataArray:
    """The inputs [sample, row, column], averaged and coarsened like the maps."""
    values = np.asarray(run.inputs[list(samples)], np.float64)
    names = [f"input_{i}" for i in range(values.ndim - 1)]
    inputs = xr.DataArray(values, {"sample": list(samples)}, ["sample", *names])
    return to_maps(run, inputs, most)[0].transpose("sample", "row", "column")


def summarize(run: Run, results: xr.Dataset) -> xr.Dataset:
    """The results of an epoch as means over units, and the lowest and highest value of the maps."""
    over, drawn = axes(run)
    parts = {name: results[name] for name in ("converged", "uncertainty_converged", "concentration") if name in results}
    for name in ("discarding", "uncertainty"):
        if name in results:
            maps = results[name].mean(over) if over else results[name]
            parts[name] = maps.mean(drawn)
            parts[f"{name} low"], parts[f"{name} high"] = maps.min(), maps.max()
    return xr.Dataset(parts, attrs=results.attrs)


def color_range(summary: xr.Dataset, name: str) -> tuple[float, float]:
    """The lowest and the highest value of the colour scale, which all maps of a quantity share."""
    return float(summary[f"{name} low"].min()), float(summary[f"{name} high"].max())


def sample_names(run: Run, samples: Sequence[int]) -> list[str]:
    """Such as 66: label 7."""
    labels = run.labels
    return [str(i) if labels is None else f"{i}: label {run.classes[labels[i]]}" for i in samples]
