"""The pixels page's maps and tables, made of results as the library gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bitlens.runs import Run
from bitlens_explorer import figures
from bitlens_explorer.components.heatmap import HeatMap
from bitlens_explorer.query import MAPS
from bitlens_explorer.recorded import Parameters
from bitlens_explorer.words import count, listed

SIDE = 112
"""Pixels along a side of a map in the strip, and about its side on the page, in CSS pixels."""
LARGE = 280
"""Pixels along a side of the chosen map."""
UNITS = 1000
"""Units along an axis, of inputs that are no images."""
VARIABLES = {"sid": "discarding", "ru": "uncertainty"}
MEANINGS = {
    "sid": "How much noise each pixel may have before the layer's features change too much: the entropy of that noise. "
    "Brighter is more discarded.",
    "ru": "How uncertain each pixel is when a decoder rebuilds the image from the layer's features, under the noise that makes "
    "it most uncertain. Brighter is less known.",
}
CURVES = {
    "discarding": ("Strict information discarding", "SID (bits a unit)", "How much of the input each layer does not notice."),
    "uncertainty": ("Reconstruction uncertainty", "RU (bits a unit)", "How much of the input cannot be rebuilt from a layer."),
    "concentration": (
        "Concentration",
        "concentration (bits a unit)",
        "Mean SID outside of the object less that inside: above 0 more of the background is discarded than of the object.",
    ),
}  # fmt: skip
"""Title, axis and meaning of a curve over layers, by variable."""


def words(parameters: Parameters) -> str:
    """Settings as they stand in a choice and under figures."""
    layers, samples = parameters["layers"], listed(sorted(set(parameters["samples"])))
    grid, largest = parameters["grid"], parameters["largest"]
    parts = [
        count(len(layers), "layer") + f" ({_shortened(', '.join(layers))})",
        count(len(parameters["samples"]), "image") + f" ({_shortened(samples)})",
        f"alpha {parameters['alpha']}, tau {parameters['tau']}, seed {parameters['seed']}",
        "" if grid is None else f"grid {grid} x {grid}",
        "" if largest is None else f"largest noise {largest}",
        "with decoders" if parameters["training"] else "",
        "with object masks" if parameters["masks"] else "",
    ]
    return ", ".join(filter(None, parts))


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def axes(run: Run) -> tuple[list[str], list[str]]:
    """Axes of the inputs that maps are averaged over, and those that are drawn: rows and columns, or all the others."""
    names = [f"input_{i}" for i in range(run.inputs.ndim - 1)]
    if run.layers[0].is_spatial:
        channel = names.pop(run.layers[0].channel_axis - 1)
        return [channel], names
    return [], names


def are_images(run: Run) -> bool:
    """Whether the inputs have rows and columns."""
    return len(axes(run)[1]) == 2


def several_channels(run: Run) -> int:
    """How many channels a map is the mean of; 0 for one."""
    over = axes(run)[0]
    size = run.layers[0].channels if over else 1
    return size if size > 1 else 0


def maps(run: Run, values: xr.DataArray, most: int) -> tuple[xr.DataArray, int]:
    """Values of units as maps [..., row, column], or as [..., unit]; and how many pixels along a side make one of them."""
    over, drawn = axes(run)
    values = values.mean(over) if over else values
    if len(drawn) == 2:
        values = values.rename({drawn[0]: "row", drawn[1]: "column"})
    else:
        values = values.stack(unit=drawn, create_index=False)
    named = [name for name in ("row", "column", "unit") if name in values.dims]
    step = max(-(-values.sizes[name] // most) for name in named)
    if step > 1:
        values = values.coarsen(dict.fromkeys(named, step), boundary="pad").mean()
    return values, step


def images(run: Run, samples: Sequence[int], most: int) -> xr.DataArray:
    """The inputs themselves [sample, row, column], like the maps."""
    values = np.asarray(run.inputs[list(samples)], np.float64)
    names = [f"input_{i}" for i in range(values.ndim - 1)]
    found = xr.DataArray(values, {"sample": list(samples)}, ["sample", *names])
    return maps(run, found, most)[0].transpose("sample", "row", "column")


def summary(run: Run, found: xr.Dataset) -> xr.Dataset:
    """The results of an epoch as means of units, and the ends of the colour scales."""
    over, drawn = axes(run)
    parts: dict[str, xr.DataArray] = {"converged": found["converged"]}
    for name in ("discarding", "uncertainty"):
        if name in found:
            flat = found[name].mean(over) if over else found[name]
            parts[name] = flat.mean(drawn)
            parts[f"{name} low"], parts[f"{name} high"] = flat.min(), flat.max()
    if "concentration" in found:
        parts["concentration"] = found["concentration"]
    return xr.Dataset(parts)


def limits(numbers: xr.Dataset, name: str) -> tuple[float, float]:
    """The ends of the one colour scale."""
    return float(numbers[f"{name} low"].min()), float(numbers[f"{name} high"].max())


def sample_names(run: Run, samples: Sequence[int]) -> list[str]:
    """Such as 66: label 7."""
    labels = run.labels
    return [str(i) if labels is None else f"{i}: label {run.classes[labels[i]]}" for i in samples]


def strip(
    run: Run, values: xr.DataArray, kind: str, epoch: int, ends: tuple[float, float]
) -> tuple[HeatMap, xr.DataArray, int]:
    """A row an image, a column the input and then each layer; and the maps in it, and how many pixels make one of theirs."""
    drawn, step = maps(run, values, SIDE)
    drawn = drawn.transpose("sample", "layer", "row", "column")
    samples, layers = drawn["sample"].values.tolist(), drawn["layer"].values.tolist()
    down, across, height, width = drawn.shape
    whole = np.full((down, across + 1, height, width), np.nan)
    whole[:, 1:] = drawn.to_numpy()
    joined = whole.swapaxes(1, 2).reshape(down * height, (across + 1) * width)
    place = {"row": np.arange(joined.shape[0]), "column": np.arange(joined.shape[1])}
    return (
        HeatMap(
            table=xr.DataArray(joined, place, ["row", "column"]),
            title=f"{MAPS[kind]} of images by layer at epoch {epoch}",
            x_title="layer",
            y_title="image",
            unit="bits",
            low=ends[0],
            high=ends[1],
            row_ids=range(joined.shape[0]),
            column_ids=range(joined.shape[1]),
            file=figures.file_name(run, "pixels", kind, f"epoch{epoch}"),
            bar_note="brighter is more",
            height=48 + round(SIDE * down * min(1.0, height / width)),
            tile=(height, width),
            tile_names=(sample_names(run, samples), [run.layers[0].name, *layers]),
            square=True,
            under=images(run, samples, SIDE).to_numpy().reshape(down * height, width),
            under_name="value",
        ),
        drawn,
        step,
    )


def chosen(
    run: Run, values: xr.DataArray, kind: str, epoch: int, ends: tuple[float, float], opacity: float
) -> tuple[HeatMap, int]:
    """One map over its image; values are of one image and one layer."""
    drawn, step = maps(run, values, LARGE)
    drawn = drawn.transpose("row", "column")
    sample, layer = int(values["sample"]), str(values["layer"].values)
    height, width = drawn.shape
    found = HeatMap(
        table=drawn.assign_coords(row=np.arange(height), column=np.arange(width)),
        title=f"{MAPS[kind]} of image {sample} in layer {layer} at epoch {epoch}, over the image",
        x_title="column of pixels",
        y_title="row of pixels",
        unit="bits",
        low=ends[0],
        high=ends[1],
        row_ids=range(height),
        column_ids=range(width),
        file=figures.file_name(run, "pixels", kind, layer, f"image{sample}", f"epoch{epoch}"),
        height=520,
        square=True,
        under=images(run, [sample], LARGE).to_numpy()[0],
        opacity=opacity,
    )
    return found, step


def units(run: Run, values: xr.DataArray, kind: str, epoch: int, ends: tuple[float, float]) -> tuple[HeatMap, int]:
    """Of inputs that are no images: a row a layer, a column a unit; values are of one sample."""
    drawn, step = maps(run, values, UNITS)
    drawn = drawn.transpose("layer", "unit")
    across = drawn.sizes["unit"]
    found = HeatMap(
        table=drawn.assign_coords(unit=np.arange(across)),
        title=f"{MAPS[kind]} of sample {int(values['sample'])} by layer at epoch {epoch}",
        x_title="unit of the input" if step == 1 else f"units of the input, {step} together",
        y_title="layer",
        unit="bits",
        low=ends[0],
        high=ends[1],
        row_ids=range(drawn.sizes["layer"]),
        column_ids=range(across),
        file=figures.file_name(run, "pixels", kind, f"epoch{epoch}"),
        height=max(160, 66 + 34 * drawn.sizes["layer"]),
    )
    return found, step


def numbers(found: xr.Dataset, parameters: Mapping[str, Any]) -> dict[str, str]:
    """What stands beside the chosen map; the results are of one image and one layer."""
    values = found["discarding"]
    rows = {
        "SID of all units": f"{float(values.sum()):.1f} bits",
        "standard error of the mean SID": f"{float(found['spread']):.4f} bits",
        f"change of the features (wanted: alpha = {parameters['alpha']})": f"{float(found['constraint']):.3f}",
        "units at the limit of the noise": f"{float(found['limited']):.1%}",
        "converged": "yes" if float(found["converged"]) else "⚠ no",
    }
    if "uncertainty" in found:
        rows["mean RU of a unit"] = f"{float(found['uncertainty'].mean()):.3f} bits"
    if "concentration" in found:
        rows["concentration"] = f"{float(found['concentration']):.3f} bits"
    return rows


def averages(values: xr.DataArray, converged: xr.DataArray | None) -> Any:
    """Mean, standard deviation and number of images, by the other axes; and how many of them have not converged."""
    by = [str(name) for name in values.dims if name != "sample"]
    frame = values.to_series().groupby(by, sort=False).agg(["mean", "std", "count"])
    if converged is not None:
        frame["not converged"] = (converged == 0).sum("sample").to_series()
    return frame


def curve_words(frame: Any) -> str:
    """What stands at the points of a curve over layers."""
    spread = " Bars: standard deviation between images." if (frame["count"] > 1).any() else ""
    if "not converged" not in frame or not frame["not converged"].any():
        return spread
    return f"{spread} Triangles: not all images have converged, so the mean is rough."


def restless(found: xr.Dataset) -> list[str]:
    """The maps whose search has not come to rest, such as image 3 in conv1."""
    return [
        f"image {int(i)} in {layer}"
        for i in found["sample"].values
        for layer in found["layer"].values
        if not float(found["converged"].sel(sample=i, layer=layer))
    ]
