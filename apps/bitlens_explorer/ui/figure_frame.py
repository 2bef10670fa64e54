"""What stands around every figure: its title, one sentence on what it means, its numbers as a table and as a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

import bitlens
from bitlens.runs import Run
from bitlens_explorer.words import plain


def title(text: str) -> None:
    """A figure's title."""
    st.subheader(text, anchor=False)


def file_name(run: Run, *parts: object, ending: str = "") -> str:
    """Such as bitlens_run_layers_conv1_pool1_epoch3.csv."""
    words = [re.sub(r"[^A-Za-z0-9-]+", "-", str(part)).strip("-") for part in (run.path.name, *parts)]
    return "_".join(["bitlens", *filter(None, words)]) + (f".{ending}" if ending else "")


def below(
    run: Run, meaning: str, frame: Any, key: str, name: str, about: Mapping[str, object], code: Sequence[str] = ()
) -> None:
    """The caption, the table twin, the download of exactly what is drawn, and the lines of Python that give it."""
    st.markdown(meaning)
    with _unfolded("Show data", f"{key} data") as shown:
        if shown.open:
            st.dataframe(frame, key=f"{key} table")
            download(run, lambda: frame, key, name, about)
    with _unfolded("Copy as Python", f"{key} python") as shown:
        if shown.open:
            st.code("\n".join([*opened(run), *code]), language="python")


def _unfolded(label: str, key: str) -> Any:
    """A part of the page that is sent once it is opened: its scripts are most of a first screen's."""
    return st.expander(label, key=key, on_change="rerun")


def opened(run: Run) -> list[str]:
    """The lines of Python that open the run."""
    return ["import bitlens", "", f"run = bitlens.open_run({str(run.path.resolve())!r})"]


def download(run: Run, frame: Callable[[], Any], key: str, name: str, about: Mapping[str, object]) -> None:
    """A button for a table as a file, which is written when the button is pressed."""
    st.download_button(
        "Download CSV", lambda: csv(run, frame(), about), name, "text/csv", key=f"{key} csv", on_click="ignore"
    )


def csv(run: Run, frame: Any, about: Mapping[str, object]) -> str:
    """A table as CSV, after comments that say where it comes from."""
    notes = {"run": run.path.name, "model": run.manifest.model, **about, "bitlens": bitlens.build_info()["version"]}
    lines = [f"# {name}: {' '.join(str(value).split())}" for name, value in notes.items() if value is not None]
    return "\n".join([*lines, frame.to_csv()])


def failed(error: Exception) -> None:
    """A part of a page that could not be drawn."""
    st.warning(f"{plain(error)}")
