"""Moving through the epochs: step by step, playing them, or following a training that is being recorded."""

from __future__ import annotations

import streamlit as st

from bitlens_explorer.state.query import change_query

_MODE = "bitlens playback"


def mode() -> str | None:
    """What this session does: "play", "follow" or nothing."""
    value = st.session_state.get(_MODE)
    return value if isinstance(value, str) else None


def stop() -> None:
    """Stop; a user who chooses an epoch wants to stay at it."""
    st.session_state[_MODE] = None


def go_to(epoch: int) -> None:
    """Stop at an epoch."""
    stop()
    change_query(epoch=epoch)


def toggle(wanted: str, epochs: list[int], epoch: int) -> None:
    """Start or stop "play" or "follow". Playing starts again at the first epoch if the last one is shown."""
    st.session_state[_MODE] = None if mode() == wanted else wanted
    if mode() == "follow":
        change_query(epoch=None)
    elif mode() == "play" and epoch == epochs[-1]:
        change_query(epoch=epochs[0])


def play_next(epochs: list[int], epoch: int) -> None:
    """Show the next epoch, or stop if the last one is shown.

    A message of the browser on its way may restore the epoch before. Playing goes on until the last epoch is there.
    """
    later = epochs[epochs.index(epoch) + 1 :]
    if later:
        change_query(epoch=later[0])
    else:
        stop()
