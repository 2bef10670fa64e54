"""The page without a run: the user chooses a run, or reads how to record one."""

from __future__ import annotations

import streamlit as st

from bitlens_explorer.state import run_access
from bitlens_explorer.state.query import change_query
from bitlens_explorer.ui.text import escape_markdown, show_error, show_hint

RECORD = """
import bitlens

with bitlens.Recorder(model, "my-run", probe=(images, labels)) as recorder:
    for epoch in range(10):
        train(model)
        recorder.snapshot(epoch)

bitlens.measure(bitlens.open_run("my-run"))
"""


def main() -> None:
    """Show the page."""
    st.title("Open a run", anchor=False)
    problem, awaited = st.session_state.get("bitlens problem"), st.session_state.get("bitlens awaited")
    addresses = run_access.runs_in_root()
    root = escape_markdown(run_access.root())
    if problem:
        show_error(problem, "choose another run below, or start the explorer with the folder of the run as --root.")
    elif awaited:
        what = f"Waiting for {escape_markdown(awaited)}: nothing exists in this folder of {root} yet."
        show_hint(what, "begin the recording. This page looks every 2 seconds and opens the run when it appears.")
    elif not addresses:
        show_hint(f"No run is open, and {root} contains no run.", "record one as shown below.")
    else:
        show_hint("No run is open.", "choose one below.")
    for number, address in enumerate(addresses):
        label = f"Open {escape_markdown(address)}"
        st.button(label, key=f"open {number}", on_click=change_query, kwargs={"run": address})
    with st.form("open"):
        text = st.text_input("Folder of a run", help=f"In {root}", key="open folder")
        if st.form_submit_button("Open") and text.strip():
            change_query(run=text.strip())
            st.rerun()
    st.header("Record a run", anchor=False)
    st.code(RECORD.strip(), language="python")


main()
