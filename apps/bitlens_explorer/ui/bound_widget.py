"""Widgets that are bound to a field of the query: the address sets them, and they set the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from bitlens_explorer.results.known import AnyKnown, described
from bitlens_explorer.state.address import reset_fields, take_unreadable, write_address
from bitlens_explorer.state.query import Query, change_query, current_query, set_query
from bitlens_explorer.ui.text import escape_markdown

_QUERY_VALUE = object()


def bound_widget(
    widget: Callable[..., Any],
    label: str,
    field: str,
    *arguments: Any,
    value: Any = _QUERY_VALUE,
    store: Callable[[Any], Any] | None = None,
    before: Callable[[], object] | None = None,
    reset: Sequence[str] = (),
    turn: Callable[[], int] = lambda: 0,
    **options: Any,
) -> None:
    """Draw a Streamlit widget whose value is a field of the query.

    The key of the widget is "query FIELD", or "query FIELD TURN". The query is the only owner of the value: it sets the
    widget on every run of the page, and a choice changes the query before the page runs again.

    Parameters
    ----------
    widget : callable
        Such as `st.selectbox`, or that of a column.
    label : str
        Label of the widget.
    field : str
        Field of `Query`.
    *arguments, **options
        Further arguments of the widget, such as the options to choose from.
    value : object
        What the widget shows. Default: the field itself.
    store : callable
        Converts the chosen value to that of the field.
    before : callable
        Called before the field changes.
    reset : sequence of str
        Fields that belonged to the former value; they become None.
    turn : callable
        Number of the widget. A value that the browser still sends of a widget with a former number is ignored.
    """
    drawn = turn()
    key = f"query {field} {drawn}" if drawn else f"query {field}"
    st.session_state[key] = getattr(current_query(), field) if value is _QUERY_VALUE else value

    def choose() -> None:
        if drawn != turn():
            return
        if before is not None:
            before()
        chosen = st.session_state[key]
        change_query(**{field: chosen if store is None else store(chosen), **dict.fromkeys(reset)})

    widget(label, *arguments, key=key, on_change=choose, **options)


def switch(
    widget: Callable[..., Any],
    label: str,
    field: str,
    options: Mapping[str, str],
    describe: Callable[[str], str] | None = None,
    value: Any = _QUERY_VALUE,
) -> None:
    """A bound segmented control over a few named options, one of which is always chosen."""
    name = options.__getitem__ if describe is None else describe
    bound_widget(widget, label, field, list(options), value=value, format_func=name, required=True)


def choose_known(field: str, label: str, sets: Sequence[AnyKnown], reset: Sequence[str] = ()) -> AnyKnown:
    """The results that a field of the query names, or the first ones; a select box if there are several.

    Parameters
    ----------
    field : str
        Field of `Query` that holds the id of the results.
    label : str
        Label of the select box.
    sets : sequence of Known
        At least one, the first one being the default.
    reset : sequence of str
        Fields that belonged to the former results; they become None.
    """
    texts = {known.id: described(known) for known in sets}
    chosen = choose(field, label, texts, reset)
    return next(known for known in sets if known.id == chosen)


def choose(field: str, label: str, texts: Mapping[str, str], reset: Sequence[str] = ()) -> str:
    """The id that a field of the query names, or the first of `texts`; a select box if there are several."""
    chosen = getattr(current_query(), field)
    if chosen is not None and chosen not in texts:
        leave_out(field)
        chosen = None
    chosen = next(iter(texts)) if chosen is None else str(chosen)
    if len(texts) > 1:
        options = list(texts)
        bound_widget(st.selectbox, label, field, options, value=chosen, reset=reset, format_func=texts.__getitem__)
    return chosen


def leave_out(*fields: str) -> Query:
    """Give fields that the run cannot follow their default value, and say so."""
    query, left_out = reset_fields(current_query(), *fields)
    set_query(query)
    write_address()
    show_left_out(left_out)
    return query


def show_left_out(left_out: Sequence[str] = ()) -> None:
    """Name the parts of the address that were left out."""
    parts = [*take_unreadable(), *left_out]
    if parts:
        what = escape_markdown(", ".join(parts))
        st.toast(f"This run does not have these parts of the address, so they were left out: {what}", duration="long")
