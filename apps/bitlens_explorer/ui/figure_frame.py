"""The frame of every figure: its title, a caption, and a menu with its table, its files and the Python of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer.results.export import has_default_index, to_csv
from bitlens_explorer.results.traced import Traced
from bitlens_explorer.ui import charts


def title(text: str, definition: str | None = None) -> None:
    """The title of a figure; a definition stands behind a sign."""
    st.subheader(text, anchor=False, help=definition)


def below(
    run: Run,
    meaning: str,
    table: Traced | Callable[[], Traced],
    key: str,
    name: str,
    about: Mapping[str, object],
    chart: charts.Chart | None = None,
) -> None:
    """What follows a figure: its caption, and a menu with its numbers, its files, and the Python of its table.

    A table that takes long to make is given as a function, which is called when the table is looked at. A chart of
    Vega is offered as files; components have buttons for that.
    """
    with st.container(key=f"below {key}"):
        st.caption(meaning)
        # The scripts of tables and code are most of the first screen, so they are sent when the menu is opened.
        with st.popover("Data and export", key=f"{key} menu", on_change="rerun", type="tertiary") as menu:
            if menu.open:
                made = table if isinstance(table, Traced) else table()
                frame = made.value
                st.dataframe(frame, key=f"{key} table", hide_index=has_default_index(frame), height=240)
                with st.container(horizontal=True):
                    download(run, lambda: frame, key, name, about)
                    if chart is not None:
                        _pictures(chart, key, name.rpartition(".")[0])
                st.code(made.code(run), language="python")


def _pictures(chart: charts.Chart, key: str, name: str) -> None:
    kinds: dict[Literal["svg", "png"], str] = {"svg": "image/svg+xml", "png": "image/png"}
    for ending, kind in kinds.items():
        st.download_button(
            f"Download {ending.upper()}",
            partial(charts.picture, chart, ending),
            f"{name}.{ending}",
            kind,
            key=f"{key} {ending}",
            on_click="ignore",
        )


def download(run: Run, frame: Callable[[], Any], key: str, name: str, about: Mapping[str, object]) -> None:
    """A button for a table as a file, which is written when the button is pressed."""
    st.download_button(
        "Download CSV", lambda: to_csv(run, frame(), about), name, "text/csv", key=f"{key} csv", on_click="ignore"
    )
