"""The page without a run: chooses one, or says how to record one."""

from __future__ import annotations

import streamlit as st

from bitlens_explorer import opening
from bitlens_explorer import query as queries
from bitlens_explorer.words import plain, refuse, say

RECORD = """
import bitlens

with bitlens.Recorder(model, "my-run", probe=(images, labels)) as recorder:
    for epoch in range(10):
        train(model)
        recorder.snapshot(epoch)

bitlens.measure(bitlens.open_run("my-run"))
"""


def main() -> None:
    """The page."""
    st.title("Open a run", anchor=False)
    problem = st.session_state.get("bitlens problem")
    found = opening.runs_in_root()
    if problem:
        refuse(problem, "choose another run below, or start the explorer with the run's own folder as --root.")
    elif not found:
        say(f"No run is open, and there is none in {plain(opening.root())}.", "record one as shown below.")
    else:
        say("No run is open.", "choose one below.")
    for number, address in enumerate(found):
        st.button(f"Open {plain(address)}", key=f"open {number}", on_click=queries.change, kwargs={"run": address})
    with st.form("open"):
        text = st.text_input("Folder of a run", help=f"In {plain(opening.root())}", key="open folder")
        if st.form_submit_button("Open") and text.strip():
            queries.change(run=text.strip())
            st.rerun()
    st.header("Record a run", anchor=False)
    st.code(RECORD.strip(), language="python")


main()
