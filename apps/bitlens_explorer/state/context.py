"""What pages are functions of: the open run, the query, and which of several results of a measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer import query as queries
from bitlens_explorer import recorded
from bitlens_explorer.query import Query
from bitlens_explorer.recorded import Parameters


def context() -> tuple[Run, Query, int]:
    """The run, the query, and the epoch that is looked at."""
    run, query = st.session_state["bitlens run"], queries.current()
    assert isinstance(run, Run)
    return run, query, recorded.epochs(run)[-1] if query.epoch is None else query.epoch


def kept_settings(
    field: str, label: str, known: Mapping[str, Parameters], words: Callable[[Parameters], str], **left: Any
) -> Parameters:
    """What a measure was kept with, by the name that a field of the query has; a choice where there are several.

    Another choice sets the fields of the query that are `left`, as they belonged to the former one.
    """
    query = queries.current()
    chosen = getattr(query, field)
    if chosen is not None and chosen not in known:
        part = queries.to_address(replace(Query(), **{field: chosen}))
        nothing: Any = None
        queries.settle(replace(query, **{field: nothing}), [f"{name}={value[:40]}" for name, value in part.items()])
        queries.publish()
    names, key = list(known), f"query {field}"
    chosen = chosen if chosen in known else names[0]
    st.session_state[key] = chosen
    if len(known) > 1:
        st.selectbox(
            label,
            names,
            key=key,
            format_func=lambda name: words(known[name]),
            on_change=lambda: queries.change(**{field: st.session_state[key]}, **left),
        )
    return known[chosen]
