"""Sentences about results that a page leaves out; the sidebar shows each of them once."""

from __future__ import annotations

import streamlit as st

_NOTES = "bitlens notes"


def clear_notes() -> None:
    """Forget the notes of the page before."""
    st.session_state[_NOTES] = {}


def add_note(sentence: str) -> None:
    """Take a note; the same note again changes nothing."""
    st.session_state.setdefault(_NOTES, {})[sentence] = None


def notes() -> list[str]:
    """The notes in the order in which they were taken."""
    return list(st.session_state.get(_NOTES, {}))
