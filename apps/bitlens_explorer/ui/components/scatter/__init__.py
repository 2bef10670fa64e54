"""A scatter-plot matrix with a lasso. No native chart draws 100 plots of 10 000 points, or links them by image."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from bitlens_explorer.components import sources

FILES = (
    "scatter",
    "cells",
    "points",
    "scatter_gl",
    "scatter_axes",
    "scatter_marks",
    "scatter_state",
    "scatter_hand",
    "scatter",
)
GREY = "#898989"
"""Colour of the classes that have none of their own."""


@dataclass(frozen=True)
class ScatterMatrix:
    """What is drawn."""

    values: np.ndarray[Any, Any]
    """float32 [points, dimensions]; what is not finite is not drawn."""
    names: list[str]
    columns: list[int]
    """The dimension along x of every column of plots."""
    rows: list[int]
    """The dimension along y of every row of plots. Where it is the column's, the plot is a dot plot."""
    class_of: np.ndarray[Any, Any]
    """uint8 [points]; 255 is no class."""
    classes: list[str]
    colors: list[str]
    sample_of: np.ndarray[Any, Any]
    """int32 [points], the number of the image that a point belongs to."""
    samples: int
    title: str
    unit: str
    group: str
    """Instances of one group show the same selection."""
    file: str
    boxes: np.ndarray[Any, Any] | None = None
    """int16 [points, 4], the receptive field in the image: top, bottom, left, right, half-open."""
    atlas: bytes | None = None
    """A picture with all images as tiles, row by row."""
    atlas_columns: int = 1
    tile: tuple[int, int] = (1, 1)
    """Height and width of a tile."""
    height: int = 720

    def payload(self, selected: Iterable[int] = ()) -> bytes:
        """What the browser is sent: header length, JSON header, arrays. Each starts at a multiple of four bytes."""
        scaled, low, high, lost = _scaled(self.values)
        arrays = {
            "values": np.ascontiguousarray(scaled.T, "<f4"),
            "class_of": np.ascontiguousarray(self.class_of, "u1"),
            "sample_of": np.ascontiguousarray(self.sample_of, "<i4"),
        }
        if self.boxes is not None:
            arrays["boxes"] = np.ascontiguousarray(self.boxes, "<i2")
        if self.atlas is not None:
            arrays["atlas"] = np.frombuffer(self.atlas, "u1")
        header: dict[str, Any] = {
            "points": len(self.values),
            "low": low,
            "high": high,
            "not_drawn": lost,
            "colors": (self.colors + [GREY] * len(self.classes))[: len(self.classes)],
            "no_class": GREY,
            "arrays": [[name, array.dtype.str[1:], array.size] for name, array in arrays.items()],
        }
        for name in ("names", "columns", "rows", "classes", "samples", "title", "unit", "group", "file", "height"):
            header[name] = getattr(self, name)
        header |= {"atlas_columns": self.atlas_columns, "tile": list(self.tile)}
        body = b"".join(_padded(array.tobytes()) for array in arrays.values())
        header["version"] = hashlib.sha256(json.dumps(header).encode() + body).hexdigest()[:12]
        header["selected"] = _bits(selected, self.samples)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 4)
        return len(text).to_bytes(4, "little") + text + body


def show(
    matrix: ScatterMatrix,
    key: str,
    selected: Sequence[int],
    on_select: Callable[[list[int]], object],
    on_open: Callable[[int, int], object],
) -> None:
    """Draw a matrix; `on_select` is called with sample numbers, `on_open` with a plot's dimensions along y and x."""

    def chosen() -> None:
        state: Any = st.session_state[key]
        if state.selected is not None:
            bits = np.frombuffer(base64.b64decode(state.selected), "u1")
            on_select(np.flatnonzero(np.unpackbits(bits, bitorder="little")[: matrix.samples]).tolist())

    def opened() -> None:
        state: Any = st.session_state[key]
        if state.opened is not None:
            row, column = state.opened
            on_open(int(row), int(column))

    component = st.components.v2.component("bitlens_scatter", **sources(*FILES))
    component(key=key, data=matrix.payload(selected), on_selected_change=chosen, on_opened_change=opened)


def _scaled(values: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], list[float], list[float], list[int]]:
    """Values from 0 to 1 in every dimension, NaN where not finite; each dimension's lowest, highest and lost ones."""
    finite = np.isfinite(values)
    some = finite.any(axis=0)
    low = np.where(some, np.where(finite, values, np.inf).min(axis=0, initial=np.inf), 0.0).astype(np.float64)
    high = np.where(some, np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf), 0.0).astype(np.float64)
    span = np.where(high > low, high - low, 1.0)
    # The one value of a dimension that does not vary stands in the middle.
    scaled = (np.where(finite, values, np.nan) - low) / span + np.where(high > low, 0.0, 0.5)
    return scaled, low.tolist(), high.tolist(), (~finite).sum(axis=0).tolist()


def _bits(selected: Iterable[int], samples: int) -> str:
    flags = np.zeros(samples, bool)
    flags[list(selected)] = True
    return base64.b64encode(np.packbits(flags, bitorder="little").tobytes()).decode()


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
