"""The query view: what is being looked at, shared by all pages. Turns the query into one that the run can answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer import playing, recorded, selections
from bitlens_explorer import query as queries
from bitlens_explorer.query import Query
from bitlens_explorer.words import plain


def checked(query: Query, run: Run, epochs: list[int]) -> tuple[Query, list[str]]:
    """The query with what the run decides filled in, and the parts that it cannot follow, as they stood."""
    complaints: list[str] = []
    layers = [layer.name for layer in run.layers]

    def keep(field: str, valid: bool) -> None:
        nonlocal query
        if getattr(query, field) is not None and not valid:
            part = queries.to_address(replace(Query(), **{field: getattr(query, field)}))
            complaints.extend(f"{name}={value[:40]}" for name, value in part.items())
            nothing: Any = () if field in ("classes", "dims") else None
            query = replace(query, **{field: nothing})

    keep("epoch", query.epoch in epochs)
    keep("classes", all(number < len(run.classes) for number in query.classes))
    keep("a", query.a in layers)
    keep("b", query.b in layers)
    if query.a is None or query.b is None:
        a, b = _default_pair(run, query.a, query.b)
        query = replace(query, a=a, b=b)
    assert query.a is not None
    assert query.b is not None
    sizes = (run.layer(query.a).channels, run.layer(query.b).channels)
    keep("cell", query.cell is None or (query.cell[0] < sizes[0] and query.cell[1] < sizes[1]))
    keep("channel", query.channel is None or query.channel < run.layer(query.a).channels)
    keep("dims", all(number < run.layer(str(query.a)).channels for number in query.dims))
    keep("selection", query.selection is None or selections.exists(run, query.selection))
    keep("image", query.image is None or query.image < run.manifest.samples)
    keep("depth", query.depth in layers)
    keep("scope", query.scope in [*layers, queries.NETWORK])
    outputs = run.layers[-1].channels
    keep("confused", query.confused is None or max(query.confused) < max(outputs, len(run.classes)))
    known = recorded.estimators(run, query.a, query.b)
    keep("estimator", query.estimator in known)
    if query.estimator is None and known:
        query = replace(query, estimator=next(iter(known)))
    return query, complaints


def show(run: Run, query: Query, epochs: list[int]) -> None:
    """The widgets. Each is set from the query and tells it what is chosen."""
    with st.sidebar:
        st.markdown(f"**{plain(run.path.name)}**: {plain(run.manifest.model)}, {run.manifest.samples} samples")
        _epoch(run, query, epochs)
        names = [layer.name for layer in run.layers]
        kinds = {layer.name: f"{layer.name} ({layer.kind})" for layer in run.layers}
        _choice("Layer A (columns)", "a", names, query.a, kinds)
        _choice("Layer B (rows)", "b", names, query.b, kinds)
        assert query.a is not None
        assert query.b is not None
        known = recorded.estimators(run, query.a, query.b)
        if len(known) > 1:
            words = {name: recorded.estimator_words(parameters) for name, parameters in known.items()}
            _choice("Estimator of A and B", "estimator", list(known), query.estimator, words)
        if run.classes:
            _classes(run, query)
        selections.show(run, query)


def _epoch(run: Run, query: Query, epochs: list[int]) -> None:
    epoch = epochs[-1] if query.epoch is None else query.epoch
    if len(epochs) == 1:
        st.markdown(f"Epoch {epochs[0]}, the only one")
    else:
        key = _set("epoch", epoch)
        take = _taken("epoch")

        def chosen() -> None:
            playing.stop()
            take()

        st.select_slider("Epoch", epochs, key=key, on_change=chosen)
    playing.show(run, epochs, epoch)


def _choice(label: str, field: str, options: list[str], chosen: str | None, words: dict[str, str]) -> None:
    key = _set(field, chosen)
    st.selectbox(label, options, key=key, format_func=lambda name: words[name], on_change=_taken(field))


def _classes(run: Run, query: Query) -> None:
    key = _set("classes", list(query.classes))

    def taken() -> None:
        queries.change(classes=tuple(sorted(st.session_state[key])))

    st.pills(
        "Classes (none chosen: all)",
        range(len(run.classes)),
        selection_mode="multi",
        format_func=lambda number: plain(run.classes[number]),
        key=key,
        on_change=taken,
    )


def _set(field: str, value: Any) -> str:
    key = f"query {field}"
    st.session_state[key] = value
    return key


def _taken(field: str) -> Callable[[], None]:
    return lambda: queries.change(**{field: st.session_state[f"query {field}"]})


def _default_pair(run: Run, a: str | None, b: str | None) -> tuple[str, str]:
    """A measured pair that agrees with what is given; one of several channels by several rather than another."""
    fitting = [pair for pair in recorded.pairs(run) if (a is None or pair[0] == a) and (b is None or pair[1] == b)]
    fitting.sort(key=lambda pair: min(run.layer(pair[0]).channels, run.layer(pair[1]).channels) == 1)
    if fitting:
        return fitting[0]
    return a or run.layers[0].name, b or run.layers[-1].name
