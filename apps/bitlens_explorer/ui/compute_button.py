"""A button that computes results which the run does not have, step by step, and stores them in the run."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from bitlens.measures import MEASURES, Task, announcements, execute, titled
from bitlens.runs import Run
from bitlens_explorer.ui.text import escape_markdown, show_error


def offer(run: Run, label: str, key: str, tasks: Sequence[Task]) -> None:
    """A button that executes the tasks, one by one, and then runs the page again."""
    for sentence in announcements(run, tasks):
        st.info(escape_markdown(sentence))
    if not tasks or not st.button(f"Compute ({label})", key=key):
        return
    bar = st.progress(0.0)
    # A press of any button ends this script when it next sends something to the browser, so after the current task.
    st.button("Cancel", key=f"{key} cancel", help="Stops after the current step. Finished steps stay in the run.")
    try:
        for number, task in enumerate(tasks):
            bar.progress(number / len(tasks), text=escape_markdown(described(task)))
            execute(task, run)
    except (ValueError, OSError) as error:
        bar.empty()
        show_error(
            f"This could not be computed: {escape_markdown(error)}",
            "Correct this and press the button again. Finished steps stay in the run.",
        )
        return
    finally:
        run.results.flush()
    st.rerun()


def compute_now(run: Run, tasks: Sequence[Task]) -> str | None:
    """Execute tasks of milliseconds, such as those of a training that is being watched; or why this cannot be done."""
    try:
        with st.spinner("Reading predictions"):
            for task in tasks:
                execute(task, run)
            run.results.flush()
    except (ValueError, OSError) as error:
        return escape_markdown(error)
    return None


def described(task: Task) -> str:
    """A task as text."""
    measure = MEASURES[task.measure]
    return titled(measure, task.target) + (f", epoch {task.epoch}" if measure.by_epoch else "")
