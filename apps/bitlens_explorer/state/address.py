"""The query as text: how an address is read and written, and how a session and its address stay the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from bitlens_explorer.state import playback, run_access
from bitlens_explorer.state.query import (
    COMPARISONS,
    CURVES,
    MAPS,
    PLANES,
    QUANTITIES,
    RANGES,
    SCALES,
    SEQUENCES,
    SORTS,
    SPACES,
    Query,
    current_query,
    has_query,
    set_query,
)

_UNREADABLE, _WRITTEN = "bitlens unreadable", "bitlens written"
_REVISITING, _REVISITED = "bitlens revisiting", "bitlens revisited"  # in the next run of the script, in this one
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Query)}
_LONGEST = 40  # characters of an invalid value that are repeated to the user


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
    "scale": ("scale", _one_of(SCALES), str),
    "plane": ("plane", _one_of(PLANES), str),
    "set": ("settings", str, str),
    "dis": ("discarding", str, str),
    "px": ("image", _number, str),
    "pl": ("depth", str, str),
    "map": ("map", _one_of(MAPS), str),
    "abl": ("ablation", str, str),
    "curve": ("curve", _one_of(CURVES), str),
    "ord": ("order", _one_of(SEQUENCES), str),
    "scope": ("scope", str, str),
    "place": ("place", _number, str),
    "cp": ("comparison", _one_of(COMPARISONS), str),
    "vs": ("others", lambda text: tuple(filter(None, text.split("|"))), _joined("|")),
    "vs2": ("second", str, str),
    "fig": ("tab", str, str),
}
"""Name in the address -> field of the query, how it is read, how it is written."""


def from_address(parts: Mapping[str, str]) -> tuple[Query, list[str]]:
    """Read an address; parts that cannot be read are left out and returned as they stood."""
    values, unreadable = {}, []
    for name, (field, read, _) in _PARTS.items():
        if name in parts:
            try:
                values[field] = read(parts[name])
            except ValueError:
                unreadable.append(f"{name}={parts[name][:_LONGEST]}")
    return Query(**values), unreadable


def to_address(query: Query) -> dict[str, str]:
    """Write an address; fields with their default value are left out."""
    return {
        name: write(getattr(query, field))
        for name, (field, _, write) in _PARTS.items()
        if getattr(query, field) != _DEFAULTS[field]
    }


def reset_fields(query: Query, *names: str) -> tuple[Query, list[str]]:
    """The query with the default values of some fields, and these fields as they stood in the address."""
    left_out = []
    for name in names:
        part = to_address(replace(Query(), **{name: getattr(query, name)}))
        left_out += [f"{short}={value[:_LONGEST]}" for short, value in part.items()]
    return replace(query, **{name: _DEFAULTS[name] for name in names}), left_out


def read_address() -> None:
    """Give a new session the query of its address."""
    st.session_state[_REVISITED] = st.session_state.pop(_REVISITING, False)
    if has_query():
        return
    query, unreadable = from_address(st.query_params.to_dict())
    set_query(query if query.run else replace(query, run=run_access.given_run()))
    st.session_state[_UNREADABLE] = unreadable


def take_unreadable() -> list[str]:
    """Parts of the first address that could not be read; they are returned once."""
    unreadable: list[str] = st.session_state.pop(_UNREADABLE, [])
    return unreadable


def follow_page(page: str) -> None:
    """Take the query from the address if the browser went back or forward to another page.

    A change of page by the user empties the address, but not one by the buttons of the browser.
    """
    last_page, _ = st.session_state.get(_WRITTEN, (None, None))
    if last_page not in (None, page) and (shown := st.query_params.to_dict()):
        _revisit(shown)
        st.session_state[_REVISITED] = True


def write_address(page: str | None = None) -> str:
    """Put the query into the address where the query has changed, with which the browser can go back.

    Otherwise the address stays, because it is one that the user went back to, or that of a message which came late. On
    another page the browser itself adds the query to the address, which makes no second entry in its history.

    Parameters
    ----------
    page : str, optional
        Path of the page. Default: that of the last time.

    Returns
    -------
    str
        The query as a part of an address.
    """
    last_page, last_parts = st.session_state.get(_WRITTEN, (None, None))
    page, parts = last_page if page is None else page, to_address(current_query())
    st.session_state[_WRITTEN] = page, parts
    changed = last_page is None or (page == last_page and parts != last_parts)
    if changed and not st.session_state[_REVISITED] and st.query_params.to_dict() != parts:
        st.query_params.from_dict(parts)
    return urlencode(parts)


def revisit(parts: Mapping[str, str]) -> None:
    """Take the query from an address that the user went back to, in a callback. The address stays as it is."""
    _revisit(parts)
    st.session_state[_REVISITING] = True


def _revisit(parts: Mapping[str, str]) -> None:
    query, unreadable = from_address(parts)
    playback.stop()
    playback.show(None)
    set_query(query if query.run else replace(query, run=run_access.given_run()))
    st.session_state[_UNREADABLE] = unreadable
