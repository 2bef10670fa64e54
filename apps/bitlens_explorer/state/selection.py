"""The selected samples, linked through all pages: kept in the run under a short name, which addresses carry."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer import query as queries
from bitlens_explorer.query import Query
from bitlens_explorer.words import count, plain


def exists(run: Run, name: str) -> bool:
    """Whether the run keeps a selection under this name."""
    try:
        bitlens.load_selection(run, name)
    except RunError:
        return False
    return True


def selected(run: Run, query: Query) -> list[int]:
    """Numbers of the selected samples; none where nothing is selected."""
    return [] if query.selection is None else bitlens.load_selection(run, query.selection)


def choose(run: Run, samples: Sequence[int]) -> None:
    """Select samples, or none."""
    if not samples:
        queries.change(selection=None)
        return
    try:
        queries.change(selection=bitlens.save_selection(run, samples))
    except OSError as error:
        st.toast(f"The selection could not be kept in the run: {plain(error)}")


def evenly_spaced_samples(run: Run, query: Query, limit: int) -> list[int]:
    """At most so many samples of the selection, or of the chosen classes, or of all."""
    chosen = selected(run, query)
    if query.classes and run.labels is not None:
        wanted = set(query.classes)
        chosen = [sample for sample in chosen if int(run.labels[sample]) in wanted]
    if chosen:
        return chosen[:limit]
    if query.selection is not None:
        raise RunError("selection: none of the selected samples is of the chosen classes")
    return run.evenly_spaced_samples(limit, list(query.classes) or None)


def show(run: Run, query: Query) -> None:
    """What is selected, and the way out of it."""
    if query.selection is None:
        return
    number = len(selected(run, query))
    st.markdown(f"**{count(number, 'sample')}** of {run.manifest.samples} selected")
    st.button("Clear selection", on_click=queries.change, kwargs={"selection": None})
