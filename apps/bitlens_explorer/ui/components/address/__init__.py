"""Follows the buttons Back and Forward of the browser, of which Streamlit tells only that the page runs again."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import streamlit as st

from bitlens_explorer.state.address import revisit
from bitlens_explorer.ui.components import sources

_KEY = "visited address"


def follow_history(path: str, query: str) -> None:
    """Show what an address shows when the user goes back or forward to it on a page.

    The query is added to the address where it has none, which is so after a change of page.
    """

    def visited() -> None:
        state: Any = st.session_state.get(_KEY)
        if state is not None and state.visited:  # a change of page drops the state of components
            revisit(dict(parse_qsl(str(state.visited).removeprefix("?"), keep_blank_values=True)))

    component = st.components.v2.component("bitlens_address", **sources("address", "address/address"))
    component(key=_KEY, data={"path": path, "query": query}, on_visited_change=visited)
