"""Moving through the epochs: step by step, playing them, or following a training that is being recorded."""

from __future__ import annotations

import streamlit as st

from bitlens_explorer.state.query import change_query

_MODE = "bitlens playback"
_TURN = "bitlens playback turn"


def mode() -> str | None:
    """What this session does: "play", "follow" or nothing."""
    value = st.session_state.get(_MODE)
    return value if isinstance(value, str) else None


def stop() -> None:
    """Stop; a user who chooses an epoch wants to stay at it."""
    st.session_state[_MODE] = None


def turn() -> int:
    """How often the epoch changed without the slider.

    Every message of the browser carries the value that the slider has there, which may be that of an epoch ago. To
    Streamlit this looks as if the user had moved the slider. So each turn has a new slider, and values that the
    browser sends of earlier sliders are ignored.
    """
    value = st.session_state.get(_TURN, 0)
    assert isinstance(value, int)
    return value


def show(epoch: int | None) -> None:
    """Show an epoch, or the latest one, that was not chosen with the slider."""
    st.session_state[_TURN] = turn() + 1
    change_query(epoch=epoch)


def go_to(epoch: int) -> None:
    """Stop at an epoch."""
    stop()
    show(epoch)


def toggle(wanted: str, epochs: list[int], epoch: int) -> None:
    """Start or stop "play" or "follow". Playing starts again at the first epoch if the last one is shown."""
    st.session_state[_MODE] = None if mode() == wanted else wanted
    if mode() == "follow":
        show(None)
    elif mode() == "play" and epoch == epochs[-1]:
        show(epochs[0])


def play_next(epochs: list[int], epoch: int) -> None:
    """Show the next epoch, or stop if the last one is shown."""
    later = epochs[epochs.index(epoch) + 1 :]
    if later:
        show(later[0])
    else:
        stop()
