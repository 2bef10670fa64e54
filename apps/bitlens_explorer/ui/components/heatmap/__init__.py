"""A clickable heat map. The native charts either send no clicks or are slow beyond 100 x 100 cells."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
import xarray as xr

from bitlens_explorer.components import sources
from bitlens_explorer.pictures import palette

FILES = ("heatmap", "cells", "svgpen", "heatmap")
_AS_IT_IS = (
    "title", "x_title", "y_title", "unit", "bar_note", "gap", "height", "numbers", "tile", "tile_names", "square",
    "opacity",
)  # fmt: skip


@dataclass(frozen=True)
class HeatMap:
    """What is drawn."""

    table: xr.DataArray
    """[row, column] in the order drawn; its coordinates label the cells."""
    title: str
    x_title: str
    y_title: str
    unit: str
    low: float
    high: float
    row_ids: Sequence[int]
    column_ids: Sequence[int]
    file: str
    """Name for saved files, without ending."""
    palette: str = "viridis"
    bar_note: str = "brighter is more"
    gap: str = "not measured"
    """Why a cell may have no value."""
    height: int = 460
    tile: tuple[int, int] | None = None
    """The table is a mosaic of tiles of so many rows and columns, numbered row by row: feature maps side by side."""
    tile_names: tuple[Sequence[str], Sequence[str]] | None = None
    """Names of the mosaic's rows and columns of tiles, which are then what is picked and what keys move by."""
    square: bool = False
    """Cells are squares; the height is then the most that they may take."""
    under: np.ndarray[Any, Any] | None = None
    """A grey picture [row, column] under the first columns, seen where the table has no value or lets it through."""
    under_name: str = "input"
    opacity: float = 1.0
    """Of the table over that picture."""
    numbers: bool = False
    """Write the values into the cells where there is room."""

    def payload(self, selected: tuple[int, int] | None = None) -> dict[str, Any]:
        """What the browser is sent."""
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
        for name in _AS_IT_IS:
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


def show(heat_map: HeatMap, key: str, selected: tuple[int, int] | None, on_pick: Callable[[int, int], object]) -> None:
    """Draw a heat map; `on_pick` is called with the row's and the column's number.

    Of a mosaic, with the tile's number and the place within the tile, which is 0 where tiles have names.
    """

    def picked() -> None:
        state: Any = st.session_state[key]
        if state.picked:
            row, column = state.picked
            on_pick(int(row), int(column))

    component = st.components.v2.component("bitlens_heatmap", **sources(*FILES))
    component(key=key, data=heat_map.payload(selected), on_picked_change=picked)
