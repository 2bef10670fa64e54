"""The frame of every figure: its title, a caption, its table with a download, and the Python that makes this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer.results.export import has_default_index, to_csv
from bitlens_explorer.results.traced import Traced


def title(text: str) -> None:
    """The title of a figure."""
    st.subheader(text, anchor=False)


def below(
    run: Run,
    meaning: str,
    table: Traced | Callable[[], Traced],
    key: str,
    name: str,
    about: Mapping[str, object],
) -> None:
    """What follows a figure: its caption, its numbers as a table and as a file, and the Python of this table.

    A table that takes long to make is given as a function, which is called when the table is looked at.
    """
    st.markdown(meaning)
    with _folded("Show data", f"{key} data") as part:
        if part.open:
            frame = _made(table).value
            st.dataframe(frame, key=f"{key} table", hide_index=has_default_index(frame))
            download(run, lambda: frame, key, name, about)
    with _folded("Copy as Python", f"{key} python") as part:
        if part.open:
            st.code(_made(table).code(run), language="python")


def _made(table: Traced | Callable[[], Traced]) -> Traced:
    return table if isinstance(table, Traced) else table()


def _folded(label: str, key: str) -> Any:
    """A part of the page that is sent when the user opens it, because its scripts are most of the first screen."""
    return st.expander(label, key=key, on_change="rerun")


def download(run: Run, frame: Callable[[], Any], key: str, name: str, about: Mapping[str, object]) -> None:
    """A button for a table as a file, which is written when the button is pressed."""
    st.download_button(
        "Download CSV", lambda: to_csv(run, frame(), about), name, "text/csv", key=f"{key} csv", on_click="ignore"
    )
