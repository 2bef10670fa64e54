"""Going through the epochs: a step at a time, playing them, or following a training that is still being recorded."""

from __future__ import annotations

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer import query as queries
from bitlens_explorer import recorded

FRAME = 0.4
"""Seconds that an epoch is shown while playing."""
LOOK = 2.0
"""Seconds between two looks for a new epoch."""

_MODE = "bitlens playing"
_SHOWN = "bitlens playing shown"


def mode() -> str | None:
    """What is going on in this session: "play", "follow", or nothing."""
    found = st.session_state.get(_MODE)
    return found if isinstance(found, str) else None


def stop() -> None:
    """Whoever chooses an epoch wants to look at it."""
    st.session_state[_MODE] = None


def show(run: Run, epochs: list[int], epoch: int) -> None:
    """The buttons, and what goes on by itself."""
    place = epochs.index(epoch)
    back, play, forward, follow = st.columns([1, 2, 1, 2])
    back.button("◀", help="One epoch back", disabled=place == 0, on_click=_go, args=(epochs, place - 1))
    playing = mode() == "play"
    play.button(
        "Pause" if playing else "Play", on_click=_toggle, args=("play", epochs, epoch), disabled=len(epochs) < 2
    )
    forward.button(
        "▶", help="One epoch on", disabled=place == len(epochs) - 1, on_click=_go, args=(epochs, place + 1)
    )  # fmt: skip
    following = mode() == "follow"
    follow.button(
        "Stop" if following else "Follow",
        help="Show each new epoch as soon as it is recorded",
        on_click=_toggle,
        args=("follow", epochs, epoch),
    )
    # A fragment runs once with the page; only when it runs again by itself is it time for the next epoch.
    st.session_state[_SHOWN] = True
    if playing:
        _next_frame(epochs, epoch)
    elif following:
        _look_again(run, epochs)


def _go(epochs: list[int], place: int) -> None:
    stop()
    queries.change(epoch=epochs[place])


def _toggle(wanted: str, epochs: list[int], epoch: int) -> None:
    st.session_state[_MODE] = None if mode() == wanted else wanted
    if mode() == "follow":
        queries.change(epoch=None)
    elif mode() == "play" and epoch == epochs[-1]:
        queries.change(epoch=epochs[0])


@st.fragment(run_every=FRAME)
def _next_frame(epochs: list[int], epoch: int) -> None:
    if st.session_state.pop(_SHOWN, False):
        return
    later = epochs[epochs.index(epoch) + 1 :]
    if len(later) <= 1:
        stop()
    if later:
        queries.change(epoch=later[0])
    st.rerun()


@st.fragment(run_every=LOOK)
def _look_again(run: Run, epochs: list[int]) -> None:
    if not st.session_state.pop(_SHOWN, False) and recorded.epochs(run) != epochs:
        st.rerun()
