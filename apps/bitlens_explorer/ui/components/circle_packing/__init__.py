"""Circles within circles that the user can zoom into. No native chart packs circles."""

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

FILES = (
    "circle_packing",
    "shared/cells",
    "circle_packing/layout",
    "circle_packing/drawing",
    "circle_packing/circle_packing",
)


@dataclass(frozen=True)
class Packing:
    """The content of a circle packing: a circle for every item in the circle of its group."""

    values: xr.DataArray
    """[group, item], drawn as areas; the coordinates of the groups are their names. NaN means no value."""
    title: str
    unit: str
    group_title: str
    item_title: str
    item_ids: Sequence[int]
    low: float
    high: float
    file: str
    """Name of saved files, without the ending."""
    color_values: xr.DataArray | None = None
    """Values to colour by, of the same shape; its name is the title of the colour bar. Default: the values."""
    power: float = 1.0
    """Areas are the values raised to this power, which tells similar values apart."""
    palette: str = "viridis"
    height: int = 460

    def payload(self, selected: int | None = None) -> dict[str, Any]:
        """The data that the browser gets."""
        colors = self.values if self.color_values is None else self.color_values
        color_title = None if self.color_values is None else self.color_values.name
        drawn: dict[str, Any] = {
            "values": _text(self.values),
            "colors": None if self.color_values is None else _text(colors),
            "color_title": self.unit if color_title is None else str(color_title),
            "palette": base64.b64encode(palette(self.palette).tobytes()).decode(),
            "groups": [str(label) for label in self.values[self.values.dims[0]].values],
            "item_ids": [int(i) for i in self.item_ids],
            "low": float(self.low),
            "high": float(self.high),
        }
        for name in ("title", "unit", "group_title", "item_title", "height", "power"):
            drawn[name] = getattr(self, name)
        version = hashlib.sha256(repr(sorted(drawn.items())).encode()).hexdigest()[:12]
        return {**drawn, "file": self.file, "version": version, "selected": selected}


def show(packing: Packing, key: str, selected: int | None, on_pick: Callable[[int, int], object]) -> None:
    """Draw a packing; `on_pick` is called with the place of the group in the values and the number of the item."""

    def picked() -> None:
        state: Any = st.session_state[key]
        if state.picked:
            group, item = state.picked
            on_pick(int(group), int(item))

    component = st.components.v2.component("bitlens_packing", **sources(*FILES))
    component(key=key, data=packing.payload(selected), on_picked_change=picked)


def _text(values: xr.DataArray) -> str:
    return base64.b64encode(np.ascontiguousarray(values.to_numpy(), "<f4").tobytes()).decode()
