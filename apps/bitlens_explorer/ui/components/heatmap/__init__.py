"""A clickable heat map. Native charts either send no clicks or are slow beyond 100 x 100 cells."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
import xarray as xr

from bitlens_explorer.ui.components import sources
from bitlens_explorer.ui.images import palette

FILES = ("heatmap", "shared/cells", "shared/svgpen", "heatmap/heatmap")
_SENT_UNCHANGED = (
    "title",
    "x_title",
    "y_title",
    "unit",
    "bar_note",
    "gap",
    "height",
    "numbers",
    "tile",
    "tile_names",
    "square",
    "opacity",
)


@dataclass(frozen=True)
class HeatMap:
    """The content of a heat map."""

    table: xr.DataArray
    """[row, column] in the order of drawing; its coordinates are the labels of the cells."""
    title: str
    x_title: str
    y_title: str
    unit: str
    low: float
    high: float
    row_ids: Sequence[int]
    column_ids: Sequence[int]
    file: str
    """Name of saved files, without the ending."""
    palette: str = "viridis"
    bar_note: str = "brighter is more"
    gap: str = "not measured"
    """Why a cell may have no value."""
    height: int = 460
    tile: tuple[int, int] | None = None
    """Rows and columns of a tile, if the table is a mosaic of tiles, such as feature maps, numbered row by row."""
    tile_names: tuple[Sequence[str], Sequence[str]] | None = None
    """Names of the rows and columns of tiles. With names, clicks and keys choose whole tiles."""
    square: bool = False
    """Draw cells as squares; `height` is then the largest height."""
    under: np.ndarray[Any, Any] | None = None
    """A grey image [row, column] under the first columns, visible where the table has no value or is transparent."""
    under_name: str = "input"
    opacity: float = 1.0
    """Opacity of the table over that image."""
    numbers: bool = False
    """Write the values into the cells if they fit."""

    def payload(self, selected: tuple[int, int] | None = None) -> dict[str, Any]:
        """The data that the browser gets."""
        rows, columns = self.table.dims
        drawn: dict[str, Any] = {
            "values": _text(self.table.to_numpy()),
            "palette": base64.b64encode(palette(self.palette).tobytes()).decode(),
            "rows": [str(label) for label in self.table[rows].values],
            "columns": [str(label) for label in self.table[columns].values],
            "row_ids": [int(i) for i in self.row_ids],
            "column_ids": [int(i) for i in self.column_ids],
            "low": float(self.low),
            "high": float(self.high),
        }
        for name in _SENT_UNCHANGED:
            drawn[name] = getattr(self, name)
        if self.under is not None:
            drawn["under"] = {
                "values": _text(self.under),
                "columns": self.under.shape[1],
                "low": float(self.under.min()),
                "high": float(self.under.max()),
                "name": self.under_name,
            }
        version = hashlib.sha256(repr(sorted(drawn.items())).encode()).hexdigest()[:12]
        return {**drawn, "file": self.file, "version": version, "selected": selected and list(selected)}


def _text(values: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def show(
    heat_map: HeatMap,
    key: str,
    selected: tuple[int, int] | None = None,
    on_pick: Callable[[int, int], object] | None = None,
) -> None:
    """Draw a heat map; `on_pick` is called with the numbers of the row and the column. Without it a click does nothing.

    For a mosaic it is called with the number of the tile and the place in the tile, which is 0 if tiles have names.
    """

    def picked() -> None:
        state: Any = st.session_state[key]
        if state.picked and on_pick is not None:
            row, column = state.picked
            on_pick(int(row), int(column))

    component = st.components.v2.component("bitlens_heatmap", **sources(*FILES))
    component(key=key, data=heat_map.payload(selected), on_picked_change=picked)
