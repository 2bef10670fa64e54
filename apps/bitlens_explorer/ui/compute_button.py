"""A button that computes results which the run does not have, step by step, and stores them in the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from bitlens_explorer.ui.text import escape_markdown, show_error

Step = tuple[str, Callable[[], object]]
"""What a step computes, as text, and the computation."""


def offer(label: str, key: str, steps: Sequence[Step]) -> None:
    """A button that takes the steps and then runs the page again."""
    if not steps or not st.button(f"Compute ({label})", key=key):
        return
    bar = st.progress(0.0)
    # A press of any button ends this script when it next sends something to the browser, so after the current step.
    st.button("Cancel", key=f"{key} cancel", help="Stops after the current step. Finished steps stay in the run.")
    for number, (text, step) in enumerate(steps):
        bar.progress(number / len(steps), text=escape_markdown(text))
        try:
            step()
        except (ValueError, OSError) as error:
            bar.empty()
            show_error(
                f"This could not be computed: {escape_markdown(error)}",
                "Correct this and press the button again. Finished steps stay in the run.",
            )
            return
    st.rerun()
