"""The layers of the network in a row above every page: what each layer is, and which layers are chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from bitlens_explorer.ui.components import sources


@dataclass(frozen=True)
class LayerBox:
    """What a box of the strip shows."""

    name: str
    kind: str
    shape: str
    bits: float | None
    bits_text: str
    """The number of bits with what it is of; empty without a number."""
    dead: int
    dead_text: str
    pair: str = ""
    """Whether the layer has been measured together with the chosen one."""
    role: str = ""
    """ "A", "B", "A B" or nothing."""


def show(boxes: Sequence[LayerBox], key_text: str, second: bool, on_pick: Callable[[str, bool], object]) -> None:
    """Draw the strip; `on_pick` is called with the name of a layer, and True if it is to be the second one.

    Parameters
    ----------
    boxes : sequence of LayerBox
        The layers, from the input on.
    key_text : str
        What the numbers are and what a click does.
    second : bool
        Whether a click with Shift chooses a second layer.
    on_pick : callable
        Called with the name of the layer.
    """
    key = "network strip"

    def picked() -> None:
        state: Any = st.session_state[key]
        if state.picked:
            place, as_second = state.picked
            on_pick(boxes[int(place)].name, bool(as_second))

    drawn: dict[str, Any] = {"layers": [asdict(box) for box in boxes], "key": key_text, "second": second}
    version = hashlib.sha256(repr(drawn).encode()).hexdigest()[:12]
    component = st.components.v2.component("bitlens_network", **sources("network_strip", "network_strip/network_strip"))
    component(key=key, data={**drawn, "version": version}, on_picked_change=picked)
