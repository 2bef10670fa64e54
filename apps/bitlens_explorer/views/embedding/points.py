"""The embedding page's drawings: a layer's samples as points, and average maps as mosaics, of what the library gives."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
import xarray as xr
from PIL import Image

import bitlens
from bitlens.runs import Layer, Run
from bitlens_explorer import figures
from bitlens_explorer.charts import PETROFF
from bitlens_explorer.components.heatmap import HeatMap
from bitlens_explorer.components.scatter import ScatterMatrix
from bitlens_explorer.pictures import input_bytes
from bitlens_explorer.query import Query

FIRST = 6
"""Channels that are shown unless others are chosen: 36 plots."""
MOST = 16
"""Channels at most: 256 plots."""
LIMIT = 10000
NO_CLASS = 255
_SIDE = 8192
"""Pixels of the side of the picture that holds all images, which browsers still take."""


def points(run: Run, layer: str, epoch: int, pooled: bool) -> xr.Dataset:
    """Points of a layer, read once."""
    stamp = (run.path / "epochs").stat().st_mtime_ns  # of the last epoch recorded, also where it replaces one
    return _points(str(run.path), stamp, layer, epoch, pooled)


@st.cache_resource(max_entries=12, show_spinner=False)
def _points(path: str, stamp: int, layer: str, epoch: int, pooled: bool) -> xr.Dataset:
    return bitlens.layer_points(bitlens.open_run(path), layer, epoch, LIMIT, pooled=pooled)


def dimensions(layer: Layer, chosen: tuple[int, ...]) -> list[int]:
    """The channels of a layer that are shown, each once and not too many for a browser."""
    return list(dict.fromkeys(chosen))[:MOST] or list(range(min(FIRST, layer.channels)))


def matrix(run: Run, query: Query, epoch: int) -> tuple[ScatterMatrix, Any]:
    """The scatter-plot matrix of layer A, or of A across and B up; and its points as a table."""
    two = query.space == "two"
    layers = [run.layer(str(name)) for name in ((query.a, query.b) if two else (query.a,))]
    read = [points(run, layer.name, epoch, two) for layer in layers]
    chosen = [dimensions(layers[0], query.dims), *([dimensions(layers[1], ())] if two else [])]
    # One read gives one array, so that no value is copied before it is drawn.
    parts = [found.activation.sel(channel=dims).to_numpy() for found, dims in zip(read, chosen, strict=True)]
    values = np.concatenate(parts, axis=1, dtype=np.float32)
    names = [f"{layer.name}: {d}" if two else f"{d}" for layer, dims in zip(layers, chosen, strict=True) for d in dims]
    columns = list(range(len(chosen[0])))
    rows = list(range(len(chosen[0]), values.shape[1])) if two else columns
    sample = read[0]["sample"].to_numpy()
    labels = run.labels
    classes = (
        np.full(len(sample), NO_CLASS, np.uint8)
        if labels is None
        else np.minimum(labels[sample], NO_CLASS).astype(np.uint8)
    )
    picture = atlas(run)
    frame = pd.DataFrame({"sample": sample, **{f"channel {name}": values[:, i] for i, name in enumerate(names)}})
    drawn = ScatterMatrix(
        values=values,
        names=names,
        columns=columns,
        rows=rows,
        class_of=classes,
        classes=list(run.classes),
        colors=PETROFF,
        sample_of=sample.astype(np.int32),
        samples=run.manifest.samples,
        title=f"Samples in the space of layer {' and '.join(layer.name for layer in layers)} at epoch {epoch}",
        unit="activation",
        group=str(run.path),
        file=figures.file_name(run, "embedding", *(layer.name for layer in layers), f"epoch{epoch}", ending="png"),
        boxes=_boxes(read[0], picture[2]) if picture and not two and "first" in read[0] else None,
        atlas=picture[0] if picture else None,
        atlas_columns=picture[1] if picture else 1,
        tile=picture[3] if picture else (1, 1),
        height=640,
    )
    return drawn, frame


def _boxes(found: xr.Dataset, stride: int) -> np.ndarray[Any, Any] | None:
    if found.sizes["axis"] != 2:
        return None
    first, end = found["first"].to_numpy(), found["end"].to_numpy()
    return (np.stack([first[:, 0], end[:, 0], first[:, 1], end[:, 1]], axis=1) // stride).astype(np.int16)


def atlas(run: Run) -> tuple[bytes, int, int, tuple[int, int]] | None:
    """All inputs side by side as one picture: its bytes, tiles a row, pixels left out between two, size of a tile."""
    if not run.layers[0].is_spatial:
        return None
    return _atlas(str(run.path), (run.path / "manifest.json").stat().st_mtime_ns)


@st.cache_resource(max_entries=4, show_spinner=False)
def _atlas(path: str, stamp: int) -> tuple[bytes, int, int, tuple[int, int]]:
    images = input_bytes(bitlens.open_run(path))
    count, height, width = images.shape[:3]
    across = -int(-(count**0.5) // 1)
    stride = max(1, -(-across * max(height, width) // _SIDE))
    images = images[:, ::stride, ::stride]
    height, width = images.shape[1:3]
    down = -(-count // across)
    whole = np.zeros((down * across, *images.shape[1:]), np.uint8)
    whole[:count] = images
    joined = whole.reshape(down, across, *images.shape[1:]).swapaxes(1, 2)
    file = io.BytesIO()
    Image.fromarray(joined.reshape(down * height, across * width, *images.shape[3:])).save(
        file, "WEBP", lossless=True, method=0
    )
    return file.getvalue(), across, stride, (height, width)


@st.cache_resource(max_entries=200, show_spinner=False)
def _average(path: str, stamp: int, layer: str, epoch: int, samples: tuple[int, ...]) -> xr.DataArray:
    return bitlens.average_maps(bitlens.open_run(path), layer, epoch, samples)


def mosaic(run: Run, layer: str, epoch: int, samples: list[int]) -> tuple[HeatMap, xr.DataArray]:
    """Average feature maps of a layer side by side; and the averages themselves."""
    stamp = (run.path / "epochs").stat().st_mtime_ns
    average = _average(str(run.path), stamp, layer, epoch, tuple(samples))
    maps = average.to_numpy()
    maps = maps if maps.ndim == 3 else maps.reshape(len(maps), 1, -1)
    count, height, width = maps.shape
    across = min(count, max(1, round((count * height * 3 / width) ** 0.5)))
    down = -(-count // across)
    whole = np.full((down * across, height, width), np.nan)
    whole[:count] = maps
    joined = whole.reshape(down, across, height, width).swapaxes(1, 2).reshape(down * height, across * width)
    drawn = HeatMap(
        table=xr.DataArray(
            joined, {"row": np.arange(down * height), "column": np.arange(across * width)}, ["row", "column"]
        ),
        title=f"Average of layer {layer} at epoch {epoch}",
        x_title="channel",
        y_title="",
        unit="",
        low=float(maps.min()),
        high=float(maps.max()),
        row_ids=range(down * height),
        column_ids=range(across * width),
        file=figures.file_name(run, "embedding", layer, f"epoch{epoch}", "average"),
        palette="gray" if layer == run.layers[0].name else "viridis",
        gap="no channel",
        height=round(30 + min(360, max(34, 200 * (down * height) / (across * width)))),
        tile=(height, width),
    )
    return drawn, average


def values_of(averages: Sequence[xr.DataArray]) -> Any:
    """Averages of several layers as one table, a value a row."""
    parts = []
    for average in averages:
        mean = average.to_numpy().ravel()
        layer = average.attrs["layer"]
        parts.append(pd.DataFrame({"layer": layer, "mean activation": mean, "value": range(mean.size)}))
    return pd.concat(parts, ignore_index=True)
