"""What every page is a function of: the open run, the query and the epoch."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer.state.query import Query, change_query, current_query

_RUN, _EPOCHS, _WANTED = "bitlens run", "bitlens epochs", "bitlens wanted page"


def open_context(run: Run, epochs: list[int]) -> None:
    """Remember the run that this session looks at and its epochs."""
    st.session_state[_RUN], st.session_state[_EPOCHS] = run, epochs


def context() -> tuple[Run, Query, int]:
    """The run, the query, and the epoch that is shown: the latest where the query names none."""
    run, query = st.session_state[_RUN], current_query()
    assert isinstance(run, Run)
    return run, query, st.session_state[_EPOCHS][-1] if query.epoch is None else query.epoch


def go_to_page(name: str, **parts: Any) -> None:
    """Change the query and, in the next run of the script, the page. For callbacks, which cannot change the page."""
    change_query(**parts)
    st.session_state[_WANTED] = name


def take_wanted_page() -> str | None:
    """The page that a callback asked for; it is returned once."""
    name = st.session_state.pop(_WANTED, None)
    return name if isinstance(name, str) else None
