"""The sidebar: the parts of the query that all pages share."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

import bitlens
from bitlens.measures import layer_pair_information
from bitlens.runs import Run, named_selections
from bitlens_explorer.results.export import file_name, to_csv
from bitlens_explorer.results.known import described, known_epochs, known_sets
from bitlens_explorer.state import playback
from bitlens_explorer.state.notes import notes
from bitlens_explorer.state.query import Query, change_query
from bitlens_explorer.state.selection import selected_samples
from bitlens_explorer.ui.bound_widget import bound_widget
from bitlens_explorer.ui.strip import with_a, with_b
from bitlens_explorer.ui.text import count, escape_markdown

FRAME_SECONDS = 0.4
"""How long an epoch is shown while epochs are played."""
LOOK_SECONDS = 2.0
"""Time between two looks for a new epoch."""

_DRAWN = "bitlens playback drawn"


_CLASSES_OF = {
    "layers": "Classes of the feature maps",
    "channels": "Classes of lines and maps",
    "embedding": "Classes of the averages",
    "pixels": "Classes of the images",
    "ablation": "Classes of the feature maps",
}
"""What the choice of classes acts on, by page; the other pages show all samples."""


def show_sidebar(run: Run, query: Query, epochs: list[int], page: str) -> None:
    """The widgets of the query that act on a page, and the selection."""
    with st.sidebar:
        model = escape_markdown(run.manifest.model)
        st.markdown(f"**{escape_markdown(run.path.name)}**: {model}, {run.manifest.samples} samples")
        _epoch(run, query, epochs)
        kinds = {layer.name: f"{layer.name} ({layer.kind})" for layer in run.layers}
        second = with_b(page, query)
        if with_a(page, query):
            label = "Layer A (columns)" if second else "Layer"
            bound_widget(st.selectbox, label, "a", list(kinds), format_func=kinds.__getitem__)
        if second:
            bound_widget(st.selectbox, "Layer B (rows)", "b", list(kinds), format_func=kinds.__getitem__)
        sets = known_sets(run, layer_pair_information, str(query.a), str(query.b), quiet=True)
        if page == "layers" and len(sets) > 1:
            names = {known.id: described(known) for known in sets}
            label = "Estimator of A and B"
            bound_widget(st.selectbox, label, "estimator", list(names), format_func=names.__getitem__)
        if run.classes and page in _CLASSES_OF:
            bound_widget(
                st.pills,
                f"{_CLASSES_OF[page]} (none chosen: all)",
                "classes",
                range(len(run.classes)),
                value=list(query.classes),
                store=lambda numbers: tuple(sorted(numbers)),
                selection_mode="multi",
                format_func=lambda number: escape_markdown(run.classes[number]),
            )
        _selection(run, query)


def show_notes(run: Run) -> None:
    """What the page has left out of the results of the run, each once."""
    sentences = dict.fromkeys([*filter(None, [run.results.old_results()]), *notes()])
    for sentence in sentences:
        st.sidebar.warning(escape_markdown(sentence))


def _epoch(run: Run, query: Query, epochs: list[int]) -> None:
    epoch = epochs[-1] if query.epoch is None else query.epoch
    if len(epochs) == 1:
        st.markdown(f"Epoch {epochs[0]}, the only one")
    else:
        bound_widget(st.select_slider, "Epoch", "epoch", epochs, value=epoch, before=playback.stop, turn=playback.turn)
    _playback(run, epochs, epoch)


def _playback(run: Run, epochs: list[int], epoch: int) -> None:
    """The buttons that change the epoch, and the fragment that changes it while nobody presses them."""
    place = epochs.index(epoch)
    with st.container(key="playback"):
        back, play, forward, follow = st.columns([3, 5, 3, 6], gap="xsmall", wrap=False)
    steps = ((back, "◀", "One epoch back", place - 1), (forward, "▶", "One epoch on", place + 1))
    for column, label, help_text, target in steps:
        inside = 0 <= target < len(epochs)
        go_to = (epochs[target],) if inside else None
        column.button(label, help=help_text, on_click=playback.go_to, args=go_to, width="stretch", disabled=not inside)
    mode = playback.mode()
    play.button(
        "Pause" if mode == "play" else "Play",
        on_click=playback.toggle,
        args=("play", epochs, epoch),
        disabled=len(epochs) < 2,
        width="stretch",
    )
    follow.button(
        "Stop" if mode == "follow" else "Follow",
        help="Show each new epoch as soon as it is recorded",
        on_click=playback.toggle,
        args=("follow", epochs, epoch),
        width="stretch",
    )
    # A fragment also runs once with the page. Only its later runs mean that time has passed.
    st.session_state[_DRAWN] = True
    if mode == "play":
        _next_frame(epochs, epoch)
    elif mode == "follow":
        _look_again(run, epochs)


@st.fragment(run_every=FRAME_SECONDS)
def _next_frame(epochs: list[int], epoch: int) -> None:
    if not st.session_state.pop(_DRAWN, False):
        playback.play_next(epochs, epoch)
        st.rerun()


@st.fragment(run_every=LOOK_SECONDS)
def _look_again(run: Run, epochs: list[int]) -> None:
    if not st.session_state.pop(_DRAWN, False) and known_epochs(run) != epochs:
        playback.show(None)
        st.rerun()


def _selection(run: Run, query: Query) -> None:
    """How many samples are selected, and a button that clears the selection."""
    named = named_selections(run)
    if named:
        shown = query.selection if query.selection in named else None
        widget = partial(st.selectbox, index=None, placeholder="none")
        bound_widget(widget, "Saved selection", "selection", named, value=shown)
    if query.selection is None:
        return
    samples = selected_samples(run, query)
    st.markdown(f"**{count(len(samples), 'sample')}** of {run.manifest.samples} selected")
    st.button("Clear selection", on_click=change_query, kwargs={"selection": None})
    with st.popover("Name and export"), st.form("name the selection", border=False):
        name = st.text_input("Name", key="selection name", help="Up to 40 letters, digits, - and _.")
        if st.form_submit_button("Save") and name:
            _save_selection(run, samples, name.strip())
        st.code(f'bitlens.load_selection(run, "{query.selection}")', language="python")
    labels = {} if run.labels is None else {"label": [run.classes[run.labels[sample]] for sample in samples]}
    file = file_name(run, "selection", query.selection, ending="csv")
    st.download_button(
        "Download CSV",
        lambda: to_csv(run, pd.DataFrame({"sample": samples, **labels}), {"selection": query.selection}),
        file,
        "text/csv",
        key="selection csv",
        on_click="ignore",
        type="tertiary",
    )


def _save_selection(run: Run, samples: list[int], name: str) -> None:
    try:
        change_query(selection=bitlens.save_selection(run, samples, name))
    except (ValueError, OSError) as error:
        st.error(escape_markdown(error))
        return
    st.rerun()
