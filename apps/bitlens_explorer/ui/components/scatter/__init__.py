"""A scatter-plot matrix with a lasso. No native chart draws 100 plots of 10000 points or links them by sample."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from bitlens_explorer.ui.components import sources

FILES = (
    "scatter",
    "shared/cells",
    "scatter/points",
    "scatter/cloud",
    "scatter/gl",
    "scatter/axes",
    "scatter/marks",
    "scatter/state",
    "scatter/interaction",
    "scatter/scatter",
)
GREY = "#898989"
"""Colour of the classes after those that have a separate colour."""


@dataclass(frozen=True)
class ScatterMatrix:
    """The content of a scatter-plot matrix."""

    values: np.ndarray[Any, Any]
    """float32 [points, dimensions]; values that are not finite are not drawn."""
    names: list[str]
    columns: list[int]
    """The dimension along x of every column of plots."""
    rows: list[int]
    """The dimension along y of every row of plots. Where it equals that of the column, the plot is a dot plot."""
    class_of: np.ndarray[Any, Any]
    """uint8 [points]; 255 means no class."""
    classes: list[str]
    colors: list[str]
    sample_of: np.ndarray[Any, Any]
    """int32 [points], the number of the sample that a point belongs to."""
    samples: int
    title: str
    unit: str
    group: str
    """Instances of one group show the same selection."""
    file: str
    boxes: np.ndarray[Any, Any] | None = None
    """int16 [points, 4], the receptive field in the image: top, bottom, left, right, half-open."""
    atlas: bytes | None = None
    """An image file with all inputs as tiles, row by row."""
    atlas_columns: int = 1
    tile: tuple[int, int] = (1, 1)
    """Height and width of a tile."""
    height: int = 720
    turning: bool = False
    """Whether `values` has three dimensions, drawn as one cloud that the user turns; columns [0] and rows [1]."""
    predicted: list[int] | None = None
    """The class that the model predicted, by sample."""

    def payload(self, selected: Iterable[int] = ()) -> bytes:
        """The data that the browser gets: header length, JSON header, arrays; each at a multiple of four bytes."""
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
        for name in (
            "names",
            "columns",
            "rows",
            "classes",
            "samples",
            "title",
            "unit",
            "group",
            "file",
            "height",
            "predicted",
            "turning",
        ):
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
    """Values from 0 to 1, NaN where not finite; by dimension the lowest, the highest and the number not finite."""
    finite = np.isfinite(values)
    has_values = finite.any(axis=0)
    low = np.where(has_values, np.where(finite, values, np.inf).min(axis=0, initial=np.inf), 0.0).astype(np.float64)
    high = np.where(has_values, np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf), 0.0).astype(np.float64)
    span = np.where(high > low, high - low, 1.0)
    # The value of a constant dimension is drawn in the middle.
    scaled = (np.where(finite, values, np.nan) - low) / span + np.where(high > low, 0.0, 0.5)
    return scaled, low.tolist(), high.tolist(), (~finite).sum(axis=0).tolist()


def _bits(selected: Iterable[int], samples: int) -> str:
    flags = np.zeros(samples, bool)
    flags[list(selected)] = True
    return base64.b64encode(np.packbits(flags, bitorder="little").tobytes()).decode()


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
