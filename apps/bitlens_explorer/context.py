"""What pages are functions of: the open run and the query."""

from __future__ import annotations

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer import query as queries
from bitlens_explorer import recorded
from bitlens_explorer.query import Query


def context() -> tuple[Run, Query, int]:
    """The run, the query, and the epoch that is looked at."""
    run, query = st.session_state["bitlens run"], queries.current()
    assert isinstance(run, Run)
    return run, query, recorded.epochs(run)[-1] if query.epoch is None else query.epoch
