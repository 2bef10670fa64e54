"""The frame of every page: its style, its title with the question that it answers, and an answer next to its figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, Literal

import streamlit as st

from bitlens_explorer.state.query import change_query, current_query

_WIDTHS = (3, 2)
_TABS: Literal["one", "all"] = "one"  # "one": only the figures of the chosen title are drawn


def apply_style() -> None:
    """Give the app its sizes and distances."""
    st.html(f"<style>{(files(__package__) / 'style.css').read_text('utf-8')}</style>")


def head(title: str, question: str) -> None:
    """The title of a page, and the question that the page answers."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.title(title, anchor=False, width="content")
        st.caption(question)


def figure_and_answer() -> tuple[Any, Any]:
    """Where the figures of a page go, and where the answer to a click goes, which stays in view."""
    left, right = st.columns(_WIDTHS, gap="medium")
    return left, right.container(key="answer")


def figures(page: str, titles: Sequence[str]) -> Iterator[str]:
    """Titles of which the user chooses one; a page draws what it has under each title that it gets.

    The query has the chosen title, so that the address and the buttons of the browser follow it.
    """
    key = f"figures of {page}"
    chosen = current_query().tab if current_query().tab in titles else titles[0]
    st.session_state[key] = chosen

    def choose() -> None:
        change_query(tab=st.session_state[key])

    for title, tab in zip(titles, st.tabs(titles, key=key, on_change=choose), strict=True):
        if title == chosen or _TABS == "all":
            with tab:
                yield title
