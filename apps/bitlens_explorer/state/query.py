"""What is being looked at: a slice of dCNN(X, L, C, T) and an estimator, which lives in the address of every page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import streamlit as st

from bitlens_explorer import opening
from bitlens_explorer.words import plain

SORTS = {"index": "channel number", "max": "maximum", "mean": "mean"}
QUANTITIES = {"mi": "mutual information", "excess": "excess over null"}
SPACES = {"one": "layer A", "two": "A against B"}
RANGES = {"epoch": "this epoch", "all": "all epochs"}
MAPS = {"sid": "strict information discarding (SID)", "ru": "reconstruction uncertainty (RU)"}
CURVES = {"accuracy": "accuracy", "loss": "loss (bits)"}
NETWORK = "whole network"
"""What the neurons of all layers together are called where they are ablated."""
PLANES = {"renyi": "matrix-based Rényi", "binning": "binning", "kde": "pairwise distances"}

_QUERY = "bitlens query"
_COMPLAINTS = "bitlens complaints"


@dataclass(frozen=True)
class Query:
    """The parts of an address; None where the run decides."""

    run: str | None = None
    epoch: int | None = None
    """None: the latest."""
    a: str | None = None
    """The layer along the columns."""
    b: str | None = None
    """The layer along the rows."""
    classes: tuple[int, ...] = ()
    """Numbers of classes; empty: all."""
    estimator: str | None = None
    cell: tuple[int, int] | None = None
    """A channel of a and a channel of b."""
    confused: tuple[int, int] | None = None
    """A label and a prediction."""
    channel: int | None = None
    """A channel of a."""
    dims: tuple[int, ...] = ()
    """Channels that the embedding shows; empty: the first few."""
    selection: str | None = None
    """Samples that the run keeps under this name."""
    space: str = "one"
    sort: str = "max"
    quantity: str = "mi"
    color_range: str = "epoch"
    plane: str = "renyi"
    """How the information plane is estimated."""
    settings: str | None = None
    """Of matrix-based information, by their name."""
    discarding: str | None = None
    """Settings of information discarding, by their name."""
    image: int | None = None
    """A sample whose pixels are looked at."""
    depth: str | None = None
    """The layer whose map of them is looked at."""
    map: str = "sid"
    """What that map shows."""
    ablation: str | None = None
    """Settings of ablation, by their name."""
    curve: str = "accuracy"
    """What is drawn against neurons turned off."""
    scope: str | None = None
    """A layer, or the network, whose ranking of neurons is looked at."""
    place: int | None = None
    """A place in that ranking, from 1 on."""


def _pair(text: str) -> tuple[int, int]:
    first, second = _numbers(text, ".")
    return first, second


def _numbers(text: str, separator: str = ",") -> tuple[int, ...]:
    parts = text.split(separator)
    if not all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts):
        raise ValueError(text)
    return tuple(int(part) for part in parts)


def _number(text: str) -> int:
    (number,) = _numbers(text)
    return number


def _one_of(options: Mapping[str, str]) -> Callable[[str], str]:
    def choose(text: str) -> str:
        if text not in options:
            raise ValueError(text)
        return text

    return choose


def _joined(separator: str) -> Callable[[Any], str]:
    return lambda numbers: separator.join(map(str, numbers))


_PARTS: dict[str, tuple[str, Callable[[str], Any], Callable[[Any], str]]] = {
    "run": ("run", str, str),
    "t": ("epoch", _number, str),
    "a": ("a", str, str),
    "b": ("b", str, str),
    "cls": ("classes", _numbers, _joined(",")),
    "est": ("estimator", str, str),
    "cell": ("cell", _pair, _joined(".")),
    "cm": ("confused", _pair, _joined(".")),
    "c": ("channel", _number, str),
    "d": ("dims", _numbers, _joined(",")),
    "sel": ("selection", str, str),
    "emb": ("space", _one_of(SPACES), str),
    "sort": ("sort", _one_of(SORTS), str),
    "show": ("quantity", _one_of(QUANTITIES), str),
    "range": ("color_range", _one_of(RANGES), str),
    "plane": ("plane", _one_of(PLANES), str),
    "set": ("settings", str, str),
    "dis": ("discarding", str, str),
    "px": ("image", _number, str),
    "pl": ("depth", str, str),
    "map": ("map", _one_of(MAPS), str),
    "abl": ("ablation", str, str),
    "curve": ("curve", _one_of(CURVES), str),
    "scope": ("scope", str, str),
    "place": ("place", _number, str),
}
"""Name in the address -> field, how it is read, how it is written."""


def from_address(parts: Mapping[str, str]) -> tuple[Query, list[str]]:
    """Read an address; what cannot be read is left out and named."""
    values, complaints = {}, []
    for name, (field, read, _) in _PARTS.items():
        if name in parts:
            try:
                values[field] = read(parts[name])
            except ValueError:
                complaints.append(f"{name}={parts[name][:40]}")
    return Query(**values), complaints


def to_address(query: Query) -> dict[str, str]:
    """Write an address; what is left to the run or as usual is left out."""
    usual = {field.name: field.default for field in fields(Query)}
    return {
        name: write(getattr(query, field))
        for name, (field, _, write) in _PARTS.items()
        if getattr(query, field) != usual[field]
    }


def current() -> Query:
    """The query of this session; at its first run, that of the address."""
    if _QUERY not in st.session_state:
        query, complaints = from_address(st.query_params.to_dict())
        st.session_state[_QUERY] = query if query.run else replace(query, run=opening.given_run())
        st.session_state[_COMPLAINTS] = complaints
    query = st.session_state[_QUERY]
    assert isinstance(query, Query)
    return query


def change(**parts: Any) -> None:
    """Look at something else. Another pair of layers or another run leaves what belonged to the former one."""
    if "run" in parts:
        query = Query(run=parts["run"])
    else:
        query = current()
        if {"a", "b"} & parts.keys():
            parts = {
                "cell": None,
                "estimator": None,
                **({"channel": None, "dims": ()} if "a" in parts else {}),
                **parts,
            }
    st.session_state[_QUERY] = replace(query, **parts)


def settle(query: Query, complaints: list[str]) -> None:
    """Keep what a run has made of the query, and say once which parts of it could not be followed."""
    st.session_state[_QUERY] = query
    complaints = [*st.session_state.pop(_COMPLAINTS, []), *complaints]
    if complaints:
        st.toast(f"Not in this run, so left out of the address: {plain(', '.join(complaints))}", duration="long")


def publish() -> None:
    """Put the query into the address; switching pages takes it out."""
    wanted = to_address(current())
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
