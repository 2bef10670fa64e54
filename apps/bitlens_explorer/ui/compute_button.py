"""What a run does not know yet is computed when asked for, step by step, and kept in the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from bitlens_explorer.words import plain, refuse

Step = tuple[str, Callable[[], object]]
"""What is being done, in words, and how."""


def offer(label: str, key: str, steps: Sequence[Step]) -> None:
    """A button that takes the steps and shows the page anew."""
    if not steps or not st.button(f"Compute ({label})", key=key):
        return
    bar = st.progress(0.0)
    # Any press of a button ends this script at its next word to the browser: after the step that is under way.
    st.button("Cancel", key=f"{key} cancel", help="Ends after the step that is under way; what is done is kept")
    for number, (text, step) in enumerate(steps):
        bar.progress(number / len(steps), text=plain(text))
        try:
            step()
        except (ValueError, OSError) as error:
            bar.empty()
            refuse(
                f"This could not be computed: {plain(error)}",
                "Put that right and press the button again; what is done already is kept in the run.",
            )
            return
    st.rerun()
