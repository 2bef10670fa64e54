"""The script that Streamlit runs: opens the run, checks the query, shows the sidebar and runs the chosen page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bitlens.runs import Run, RunError
from bitlens_explorer.results.known import known_epochs
from bitlens_explorer.results.query_check import resolve_query
from bitlens_explorer.state import run_access
from bitlens_explorer.state.address import follow_page, read_address, write_address
from bitlens_explorer.state.context import open_context, take_wanted_page
from bitlens_explorer.state.notes import clear_notes
from bitlens_explorer.state.query import current_query, set_query
from bitlens_explorer.ui.bound_widget import show_left_out
from bitlens_explorer.ui.components.address import follow_history
from bitlens_explorer.ui.page_frame import apply_style
from bitlens_explorer.ui.sidebar import show_notes, show_sidebar
from bitlens_explorer.ui.strip import show_strip
from bitlens_explorer.ui.text import escape_markdown, show_error, show_hint

# The folder must not be called "pages": Streamlit runs the files of such a folder without this script.
# Folder of a page in views/, which is also its path in addresses -> its title. The first one has an empty path.
PAGES = {
    "training": "Training",
    "flow": "Information flow",
    "layers": "Layers",
    "channels": "Channels",
    "embedding": "Embedding",
    "pixels": "Pixels",
    "ablation": "Ablation",
    "hidden_states": "Hidden states",
    "compare": "Compare",
    "method": "Method & export",
}
LOOK_SECONDS = 2.0  # between two looks for a run, or an epoch, that is about to appear


def main() -> None:
    """Run the app once."""
    st.set_page_config(page_title="bitlens", page_icon="🔎", layout="wide")
    apply_style()
    read_address()
    address = current_query().run
    if address and run_access.is_awaited(address):
        _start(address, None)
        return
    try:
        run = run_access.open_at(address) if address else None
        epochs = known_epochs(run) if run else []
    except (RunError, OSError, ValueError) as error:
        _start(None, f"This run cannot be opened: {escape_markdown(error)}")
        return
    if run is None:
        _start(None, None)
        return
    pages = {name: _page(name, name, title, first=name == "training") for name, title in PAGES.items()}
    page = st.navigation(list(pages.values()))
    if (wanted := take_wanted_page()) is not None:
        st.switch_page(pages[wanted])
    name = next(name for name, other in pages.items() if other.url_path == page.url_path)
    follow_page(name)
    if current_query().run != address:
        st.rerun()
    if not epochs:
        follow_history(page.url_path, write_address(name))
        st.title(escape_markdown(run.path.name), anchor=False)
        show_hint("The recording has begun, but no epoch is complete yet.", "wait: this page looks every 2 seconds.")
        _look_for_epochs(run)
        return
    open_context(run, epochs)
    clear_notes()
    try:
        query, left_out = resolve_query(current_query(), run, epochs)
        set_query(query)
        show_left_out(left_out)
        follow_history(page.url_path, write_address(name))
        show_sidebar(run, query, epochs, name)
        show_strip(run, name)
        page.run()
    except (ValueError, KeyError, OSError) as error:  # KeyError: results without a variable, from another program
        show_error(
            f"This page could not be read completely: {escape_markdown(error)}",
            "If the run was moved or is being written, reload the page. You can remove a damaged result.",
        )
    show_notes(run)


def _page(folder: str, path: str, title: str, *, first: bool) -> Any:
    return st.Page(f"views/{folder}/page.py", title=title, url_path=path, default=first)


def _start(awaited: str | None, problem: str | None) -> None:
    """The page without a run, at the addresses of all pages: Streamlit shows another message for unknown ones."""
    pages = [_page("open", name, "Open", first=name == "training") for name in PAGES]
    page = st.navigation(pages, position="hidden")
    st.session_state["bitlens problem"], st.session_state["bitlens awaited"] = problem, awaited
    if awaited:
        _look_for_run(awaited)
    page.run()


@st.fragment(run_every=LOOK_SECONDS)
def _look_for_run(address: str) -> None:
    if not run_access.is_awaited(address):
        st.rerun()


@st.fragment(run_every=LOOK_SECONDS)
def _look_for_epochs(run: Run) -> None:
    if known_epochs(run):
        st.rerun()


main()
