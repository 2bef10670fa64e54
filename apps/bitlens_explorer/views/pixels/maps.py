"""Heat maps of the pixels page: strips of maps by image and layer, one map over its image, units without pixels."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.state.query import MAPS
from bitlens_explorer.ui.components.heatmap import HeatMap
from bitlens_explorer.views.pixels.units import input_maps, sample_names, to_maps

STRIP_SIDE = 112
"""Values along a side of a map in the strip, and its approximate side on the page in CSS pixels."""
LARGE_SIDE = 280
"""Values along a side of the large map."""
MOST_UNITS = 1000
"""Units along an axis, for inputs that are not images."""


def strip_map(
    run: Run, values: xr.DataArray, kind: str, epoch: int, colors: tuple[float, float]
) -> tuple[HeatMap, xr.DataArray, int]:
    """A row for every image: input, then its map in each layer. Also the maps and the pixels along a value."""
    maps, step = to_maps(run, values, STRIP_SIDE)
    maps = maps.transpose("sample", "layer", "row", "column")
    samples, layers = maps["sample"].values.tolist(), maps["layer"].values.tolist()
    down, across, height, width = maps.shape
    tiles = np.full((down, across + 1, height, width), np.nan)
    tiles[:, 1:] = maps.to_numpy()
    joined = tiles.swapaxes(1, 2).reshape(down * height, (across + 1) * width)
    places = {"row": np.arange(joined.shape[0]), "column": np.arange(joined.shape[1])}
    drawn = HeatMap(
        table=xr.DataArray(joined, places, ["row", "column"]),
        title=f"{MAPS[kind]} of images by layer at epoch {epoch}",
        x_title="layer",
        y_title="image",
        unit="bits",
        low=colors[0],
        high=colors[1],
        row_ids=range(joined.shape[0]),
        column_ids=range(joined.shape[1]),
        file=file_name(run, "pixels", kind, f"epoch{epoch}"),
        height=48 + round(STRIP_SIDE * down * min(1.0, height / width)),
        tile=(height, width),
        tile_names=(sample_names(run, samples), [run.layers[0].name, *layers]),
        square=True,
        under=input_maps(run, samples, STRIP_SIDE).to_numpy().reshape(down * height, width),
        under_name="value",
    )
    return drawn, maps, step


def large_map(
    run: Run, values: xr.DataArray, kind: str, epoch: int, colors: tuple[float, float], opacity: float
) -> tuple[HeatMap, int]:
    """The map of one image in one layer over this image, and the pixels along a side of a value."""
    drawn, step = to_maps(run, values, LARGE_SIDE)
    drawn = drawn.transpose("row", "column")
    sample, layer = int(values["sample"]), str(values["layer"].values)
    height, width = drawn.shape
    heat_map = HeatMap(
        table=drawn.assign_coords(row=np.arange(height), column=np.arange(width)),
        title=f"{MAPS[kind]} of image {sample} in layer {layer} at epoch {epoch}, over the image",
        x_title="column of pixels",
        y_title="row of pixels",
        unit="bits",
        low=colors[0],
        high=colors[1],
        row_ids=range(height),
        column_ids=range(width),
        file=file_name(run, "pixels", kind, layer, f"image{sample}", f"epoch{epoch}"),
        height=380,
        square=True,
        under=input_maps(run, [sample], LARGE_SIDE).to_numpy()[0],
        opacity=opacity,
    )
    return heat_map, step


def unit_map(run: Run, values: xr.DataArray, kind: str, epoch: int, colors: tuple[float, float]) -> tuple[HeatMap, int]:
    """For one input that is not an image: a row for every layer and a column for every unit."""
    drawn, step = to_maps(run, values, MOST_UNITS)
    drawn = drawn.transpose("layer", "unit")
    across = drawn.sizes["unit"]
    heat_map = HeatMap(
        table=drawn.assign_coords(unit=np.arange(across)),
        title=f"{MAPS[kind]} of sample {int(values['sample'])} by layer at epoch {epoch}",
        x_title="unit of the input" if step == 1 else f"units of the input, means of {step}",
        y_title="layer",
        unit="bits",
        low=colors[0],
        high=colors[1],
        row_ids=range(drawn.sizes["layer"]),
        column_ids=range(across),
        file=file_name(run, "pixels", kind, f"epoch{epoch}"),
        height=max(160, 66 + 34 * drawn.sizes["layer"]),
    )
    return heat_map, step
