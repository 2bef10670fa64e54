"""Playing the epochs, without a browser."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def frame() -> None:
    """One frame of an explorer that plays three epochs; the address has the epoch."""
    import streamlit as st

    from bitlens_explorer.state import playback
    from bitlens_explorer.state.query import Query, current_query, set_query

    if "t" not in st.query_params:
        playback.toggle("play", [0, 1, 2], 0)
    epoch = int(st.query_params.get("t", 0))
    set_query(Query(epoch=epoch))
    playback.play_next([0, 1, 2], epoch)
    st.query_params["t"] = str(current_query().epoch)
    st.write(f"{epoch} {playback.mode()}")


def test_playing_goes_on_until_the_last_epoch_is_shown() -> None:
    app = AppTest.from_function(frame)
    shown = [app.run().markdown[0].value for _ in range(2)]
    app.query_params["t"] = "1"  # a message of the browser that was on its way restores the epoch
    shown += [app.run().markdown[0].value for _ in range(2)]
    assert shown == ["0 play", "1 play", "1 play", "2 None"]
