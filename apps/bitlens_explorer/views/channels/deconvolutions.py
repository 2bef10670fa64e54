"""Deconvolutions of a channel, where the run keeps them: what of the input the channel still shows."""

from __future__ import annotations

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer import figures, pictures, recorded
from bitlens_explorer.words import listed, plain, say

RECORD = 'bitlens.record_deconvolutions(bitlens.open_run("my-run"), model, "{layer}", epoch)'


def show(run: Run, layer: str, channel: int, epoch: int) -> None:
    """The projections of one channel at one epoch, or how to get them."""
    figures.title("Deconvolution")
    kept = recorded.deconvolutions(run, layer)
    if epoch not in kept:
        others = f" There are some of epoch {listed(kept)}." if kept else ""
        say(
            f"Layer {plain(layer)} has no deconvolutions of epoch {epoch} in this run.{others}",
            "keep them while the network trains, behind recorder.snapshot(epoch):",
        )
        st.code(RECORD.format(layer=layer), language="python")
        return
    values = recorded.deconvolution(run, layer, channel, epoch)
    samples = values["sample"].values.tolist()
    pictures.show_inputs(run, samples, [f"sample {sample}" for sample in samples])
    pictures.show_signed(run, values, [f"projection of channel {channel}, sample {sample}" for sample in samples])
    name = figures.file_name(
        run, "channels", layer, f"channel{channel}", f"epoch{epoch}", "deconvolution", ending="csv"
    )
    about = {"epoch": epoch, "layer": layer, "channel": channel, "quantity": "projection onto the input"}
    code = [
        f"kept = run.results.load('deconvolution', {{'layer': {layer!r}}}, {epoch})",
        f"table = kept.deconvolution.sel(channel={channel}, drop=True).to_dataframe()",
    ]
    frame = values.reset_coords(drop=True).rename("deconvolution").to_dataframe()
    meaning = "What of the input reaches the channel, pushed back through the network: red where it is positive, blue where negative."
    figures.below(run, meaning, frame, "deconvolution", name, about, code)
