"""What every page is a function of: the open run, the query and the epoch."""

from __future__ import annotations

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer.state.query import Query, current_query

_RUN, _EPOCHS = "bitlens run", "bitlens epochs"


def open_context(run: Run, epochs: list[int]) -> None:
    """Remember the run that this session looks at and its epochs."""
    st.session_state[_RUN], st.session_state[_EPOCHS] = run, epochs


def context() -> tuple[Run, Query, int]:
    """The run, the query, and the epoch that is shown: the latest where the query names none."""
    run, query = st.session_state[_RUN], current_query()
    assert isinstance(run, Run)
    return run, query, st.session_state[_EPOCHS][-1] if query.epoch is None else query.epoch
