"""The entry script: opens the run, settles the query, shows the sidebar and hands over to a page."""

from __future__ import annotations

import streamlit as st

from bitlens.runs import Run, RunError
from bitlens_explorer import opening, recorded, sidebar
from bitlens_explorer import query as queries
from bitlens_explorer.words import plain, refuse, say

# Not in a folder called pages: Streamlit would run those by themselves when one is the first that is asked for.
START = st.Page("views/open.py", title="Open", default=True)
PAGES = [
    st.Page("views/training.py", title="Training", default=True),
    st.Page("views/flow.py", title="Information flow"),
    st.Page("views/layers.py", title="Layers"),
    st.Page("views/channels.py", title="Channels"),
    st.Page("views/embedding.py", title="Embedding"),
    st.Page("views/pixels.py", title="Pixels"),
    st.Page("views/ablation.py", title="Ablation"),
    st.Page("views/method.py", title="Method & export"),
]


def main() -> None:
    """One run of the app."""
    st.set_page_config(page_title="bitlens", page_icon="🔎", layout="wide")
    address = queries.current().run
    try:
        run = opening.open_at(address) if address else None
        epochs = recorded.epochs(run) if run else []
    except (RunError, OSError, ValueError) as error:
        _start(f"This run cannot be opened: {plain(error)}")
        return
    if run is None:
        _start(None)
        return
    page = st.navigation(PAGES)
    st.session_state["bitlens run"] = run
    if not epochs:
        queries.publish()
        _wait(run)
        return
    try:
        query, complaints = sidebar.checked(queries.current(), run, epochs)
        queries.settle(query, complaints)
        queries.publish()
        sidebar.show(run, query, epochs)
        page.run()
    except (RunError, OSError) as error:
        refuse(
            f"This page could not be read to its end: {plain(error)}",
            "If the run has been moved or is being written anew, reload the page; a damaged result may be removed.",
        )


def _start(problem: str | None) -> None:
    page = st.navigation([START])
    st.session_state["bitlens problem"] = problem
    page.run()


def _wait(run: Run) -> None:
    st.title(plain(run.path.name), anchor=False)
    say("Recording has begun, but no epoch is complete yet.", "wait for the first epoch, then look again.")
    st.button("Look again")


main()
