"""Feature maps and inputs as small images: values are coloured and enlarged, and not changed otherwise."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import streamlit as st
import xarray as xr
from PIL import Image

import bitlens
from bitlens.runs import Run
from bitlens_explorer.ui.sequences import are_tokens, are_waves, show_tokens
from bitlens_explorer.ui.text import escape_markdown, show_hint
from bitlens_explorer.ui.tokens import show_texts
from bitlens_explorer.ui.waves import show_waves

TILE = 76
"""Side of an image on the page, in CSS pixels."""
FRAME = 6
"""Width of the transparent frame of an image, in pixels of the image."""


@cache
def palette(name: str) -> np.ndarray[Any, Any]:
    """256 colours, uint8 [256, 3], from low to high."""
    colors: np.ndarray[Any, Any] = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    return colors


def show_inputs(run: Run, samples: Sequence[int], captions: Sequence[str]) -> None:
    """The inputs of some samples in a row, where they were recorded; as text where the run has their texts."""
    if run.texts is not None:
        show_texts(run, samples, captions)
        return
    if not run.has_inputs:
        show_hint("This run was recorded without inputs, so they cannot be shown.", "record it with inputs.")
        return
    layer = run.layers[0]
    if are_tokens(run):
        show_tokens(run, samples, captions)
        return
    if are_waves(run):
        show_waves(run, samples, captions)
        return
    values = run.activations(layer.name, 0)[list(samples)]
    if layer.is_spatial and layer.channels == 3:
        low, high = values.min(), values.max()
        tiles = [_enlarged(_bytes(image, low, high).transpose(1, 2, 0)) for image in values]
    else:
        tiles = _colored(_flat(values[:, 0] if layer.is_spatial else values), "gray")[0]
    alts = [f"input of {caption}" for caption in captions]
    st.image(tiles, caption=[escape_markdown(caption) for caption in captions], width=TILE, alt=alts)


def input_bytes(run: Run) -> np.ndarray[Any, Any]:
    """Spatial inputs of all samples as grey or colour bytes [n, height, width] or [n, height, width, 3]."""
    values = run.activations(run.layers[0].name, 0)
    low, high = float(values.min()), float(values.max())
    if run.layers[0].channels == 3:
        return _bytes(values, low, high).transpose(0, 2, 3, 1)
    return _bytes(values[:, 0], low, high)


def show_maps(run: Run, layer: str, channel: int, epoch: int, samples: Sequence[int]) -> None:
    """Feature maps or single values of a channel for some samples, in a row with a separate colour scale."""
    maps = bitlens.feature_maps(run, layer, channel, epoch, samples)
    tiles, low, high = _colored(_flat(maps.to_numpy()), "viridis")
    alts = [f"layer {layer}, channel {channel}, sample {sample}" for sample in samples]
    captions = [f"{float(value):.3g}" for value in maps] if maps.ndim == 1 else None
    what = "Feature maps" if run.layer(layer).is_spatial else "Values"
    scale = f"activation from {low:.3g} (dark) to {high:.3g} (bright)" if high > low else f"all values are {low:.3g}"
    st.markdown(f"{what} of **layer {escape_markdown(layer)}, channel {channel}**: {escape_markdown(scale)}.")
    st.image(tiles, caption=captions, width=TILE, alt=alts)


def show_signed(run: Run, maps: xr.DataArray, alts: Sequence[str]) -> None:
    """Signed values of inputs [sample, ...] in a row, on one colour scale centred on 0; channels are summed."""
    values = maps.to_numpy()
    if run.layers[0].is_spatial:
        values = values.sum(axis=run.layers[0].channel_axis)
    values = _flat(values)
    most = float(np.abs(values).max()) or 1.0
    tiles = [_enlarged(palette("RdBu_r")[_bytes(value, -most, most)]) for value in values]
    st.markdown(f"From {-most:.3g} (blue) over 0 (white) to {most:.3g} (red).")
    st.image(tiles, width=TILE, alt=list(alts))


def _flat(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """[sample, row, column] for a layer of any shape."""
    if values.ndim == 3:
        return values
    return values.reshape(len(values), 1, -1)


def _colored(maps: np.ndarray[Any, Any], name: str) -> tuple[list[str], float, float]:
    finite = maps[np.isfinite(maps)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return [_enlarged(palette(name)[_bytes(values, low, high)]) for values in maps], low, high


def _bytes(values: np.ndarray[Any, Any], low: float, high: float) -> np.ndarray[Any, Any]:
    scaled = (np.nan_to_num(values.astype(np.float32)) - low) / ((high - low) or 1.0)
    whole: np.ndarray[Any, Any] = np.clip(scaled * 255, 0, 255).round().astype(np.uint8)
    return whole


def _enlarged(image: np.ndarray[Any, Any]) -> str:
    """The address of an image: every value as a square, because browsers blur small images, in a transparent frame.

    Single rows are strips. The address contains the image: Streamlit would shrink an array and write it again, and it
    drops the file while a browser still asks for it if another run of the script begins.
    """
    rows, columns = image.shape[:2]
    factor = max(1, 2 * TILE // max(rows, columns))
    tall = max(factor, TILE // 2) if rows == 1 else factor
    large = image.repeat(tall, axis=0).repeat(factor, axis=1)
    opaque = np.concatenate([large, np.full((*large.shape[:2], 1), 255, np.uint8)], axis=2)
    file = io.BytesIO()
    Image.fromarray(np.pad(opaque, ((FRAME, FRAME), (FRAME, FRAME), (0, 0)))).save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
