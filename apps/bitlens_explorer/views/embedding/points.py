"""The scatter-plot matrix of the embedding page: samples as points of a layer, with their images."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import numpy as np
import streamlit as st
import xarray as xr
from PIL import Image

import bitlens
from bitlens import tables
from bitlens.measures import predicted_classes
from bitlens.runs import Layer, Run, RunError
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.query import Query
from bitlens_explorer.ui.charts import PETROFF
from bitlens_explorer.ui.components.scatter import ScatterMatrix
from bitlens_explorer.ui.images import input_bytes

DEFAULT_CHANNELS = 6
"""Channels that are shown unless others are chosen: 36 plots."""
MOST_CHANNELS = 16
"""Largest number of channels: 256 plots."""
MOST_POINTS = 10000
HEIGHT = 560
NO_CLASS = 255
_MOST_PIXELS = 8192
"""Largest side of the image that contains all inputs; browsers accept no larger ones."""


def layer_points(run: Run, layer: str, epoch: int, pooled: bool) -> Traced:
    """Points of a layer, which are read once."""
    stamp = (run.path / "epochs").stat().st_mtime_ns  # of the last epoch that was written
    points: Traced = _layer_points(str(run.path), stamp, layer, epoch, pooled, run)
    return points


@st.cache_resource(max_entries=12, show_spinner=False)
def _layer_points(path: str, stamp: int, layer: str, epoch: int, pooled: bool, _run: Run) -> Traced:
    return call(bitlens.layer_points, _run, layer, epoch, MOST_POINTS, pooled=pooled)


def shown_channels(layer: Layer, chosen: tuple[int, ...]) -> list[int]:
    """The channels of a layer that are shown, each once and not too many for a browser."""
    return list(dict.fromkeys(chosen))[:MOST_CHANNELS] or list(range(min(DEFAULT_CHANNELS, layer.channels)))


def predictions(run: Run, epoch: int) -> list[int] | None:
    """The predicted class of every sample, if the model is a classifier."""
    with suppress(RunError):
        return _predictions(str(run.path), (run.path / "epochs").stat().st_mtime_ns, epoch, run)
    return None


@st.cache_resource(max_entries=12, show_spinner=False)
def _predictions(path: str, stamp: int, epoch: int, _run: Run) -> list[int]:
    found: list[int] = predicted_classes(_run, epoch).tolist()
    return found


def axes(run: Run, query: Query) -> dict[str, list[int]]:
    """The channels along x and, if two layers are shown, those along y; by layer."""
    a = run.layer(str(query.a))
    channels = {a.name: shown_channels(a, query.dims)}
    if query.space == "two" and query.b != query.a:
        b = run.layer(str(query.b))
        channels[b.name] = shown_channels(b, ())
    return channels


def scatter_matrix(run: Run, query: Query, epoch: int) -> tuple[ScatterMatrix, Traced]:
    """The scatter-plot matrix of layer A, or of A across and B up; and its points as a table."""
    two = query.space == "two"
    channels = axes(run, query)
    points = {name: layer_points(run, name, epoch, two) for name in channels}
    traced = call(tables.layer_points, points, channels)
    table = traced.value
    first = next(iter(points.values())).value
    columns = list(range(len(channels[str(query.a)])))
    rows = list(range(len(columns), table.shape[1] - 1)) or columns
    atlas = atlas_of(run)
    sample = table["sample"].to_numpy()
    title = f"Samples in the space of layer {' and '.join(channels)} at epoch {epoch}"
    drawn = ScatterMatrix(
        values=table.iloc[:, 1:].to_numpy(np.float32),
        names=list(table.columns[1:]) if two else [str(channel) for channel in channels[str(query.a)]],
        columns=columns,
        rows=rows,
        class_of=classes_of(run, sample),
        classes=list(run.classes),
        colors=PETROFF,
        sample_of=sample.astype(np.int32),
        samples=run.manifest.samples,
        title=title,
        unit="activation",
        group=str(run.path),
        file=file_name(run, "embedding", *channels, f"epoch{epoch}", ending="png"),
        boxes=_receptive_fields(first, atlas[2]) if atlas and not two and "first" in first else None,
        atlas=atlas[0] if atlas else None,
        atlas_columns=atlas[1] if atlas else 1,
        tile=atlas[3] if atlas else (1, 1),
        height=HEIGHT,
        predicted=predictions(run, epoch),
    )
    return drawn, traced


def classes_of(run: Run, samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The class of each of the samples, uint8; `NO_CLASS` without labels."""
    labels = run.labels
    if labels is None:
        return np.full(len(samples), NO_CLASS, np.uint8)
    classes: np.ndarray[Any, Any] = np.minimum(labels[samples], NO_CLASS).astype(np.uint8)
    return classes


def _receptive_fields(points: xr.Dataset, stride: int) -> np.ndarray[Any, Any] | None:
    if points.sizes["axis"] != 2:
        return None
    first, end = points["first"].to_numpy(), points["end"].to_numpy()
    return (np.stack([first[:, 0], end[:, 0], first[:, 1], end[:, 1]], axis=1) // stride).astype(np.int16)


def atlas_of(run: Run) -> tuple[bytes, int, int, tuple[int, int]] | None:
    """All inputs as tiles of one image: its bytes, tiles in a row, step between pixels, size of a tile."""
    if not run.has_inputs or not run.layers[0].is_spatial:
        return None
    atlas: tuple[bytes, int, int, tuple[int, int]] = _atlas(
        str(run.path), (run.path / "manifest.json").stat().st_mtime_ns
    )
    return atlas


@st.cache_resource(max_entries=4, show_spinner=False)
def _atlas(path: str, stamp: int) -> tuple[bytes, int, int, tuple[int, int]]:
    images = input_bytes(bitlens.open_run(path))
    count, height, width = images.shape[:3]
    across = -int(-(count**0.5) // 1)
    stride = max(1, -(-across * max(height, width) // _MOST_PIXELS))
    images = images[:, ::stride, ::stride]
    height, width = images.shape[1:3]
    down = -(-count // across)
    tiles = np.zeros((down * across, *images.shape[1:]), np.uint8)
    tiles[:count] = images
    joined = tiles.reshape(down, across, *images.shape[1:]).swapaxes(1, 2)
    picture = Image.fromarray(joined.reshape(down * height, across * width, *images.shape[3:]))
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=True, method=0)
    return file.getvalue(), across, stride, (height, width)
