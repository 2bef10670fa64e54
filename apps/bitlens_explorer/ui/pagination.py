"""Long lists in parts: a choice of the part that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st


def choose_part(label: str, items: Sequence[Any], most: int, key: str, chosen: Any = None) -> list[Any]:
    """At most `most` of the items. A select box chooses which, and begins with the part that has the chosen item."""
    parts = [list(items[i : i + most]) for i in range(0, len(items), most)]
    if len(parts) == 1:
        return parts[0]
    first = next((i for i, part in enumerate(parts) if chosen in part), 0)
    names = [f"{part[0]} to {part[-1]}" for part in parts]
    number = st.selectbox(label, range(len(parts)), first, format_func=names.__getitem__, key=f"part of {key}")
    return parts[number]
