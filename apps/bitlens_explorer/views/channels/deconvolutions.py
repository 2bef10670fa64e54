"""Deconvolutions of a channel: the parts of the input that activate it, if the run has them."""

from __future__ import annotations

import streamlit as st

from bitlens.runs import Run
from bitlens_explorer.results.channels import deconvolution, deconvolution_epochs
from bitlens_explorer.results.export import file_name
from bitlens_explorer.ui import figure_frame, images
from bitlens_explorer.ui.text import escape_markdown, number_ranges, show_hint

RECORD = 'bitlens.record_deconvolutions(bitlens.open_run("my-run"), model, "{layer}", epoch)'


def show_deconvolutions(run: Run, layer: str, channel: int, epoch: int) -> None:
    """The projections of one channel at one epoch, or how to record them."""
    figure_frame.title("Deconvolution")
    epochs = deconvolution_epochs(run, layer)
    if epoch not in epochs:
        others = f" Epochs with deconvolutions: {number_ranges(epochs)}." if epochs else ""
        show_hint(
            f"Layer {escape_markdown(layer)} has no deconvolutions of epoch {epoch} in this run.{others}",
            "record them while the network trains, after recorder.snapshot(epoch):",
        )
        st.code(RECORD.format(layer=layer), language="python")
        return
    values = deconvolution(run, layer, channel, epoch)
    samples = values["sample"].values.tolist()
    images.show_inputs(run, samples, [f"sample {sample}" for sample in samples])
    images.show_signed(run, values, [f"projection of channel {channel}, sample {sample}" for sample in samples])
    file = file_name(run, "channels", layer, f"channel{channel}", f"epoch{epoch}", "deconvolution", ending="csv")
    about = {"epoch": epoch, "layer": layer, "channel": channel, "quantity": "projection onto the input"}
    code = [
        f"results = run.results.load('deconvolution', {{'layer': {layer!r}}}, {epoch})",
        f"table = results.deconvolution.sel(channel={channel}, drop=True).to_dataframe()",
    ]
    table = values.reset_coords(drop=True).rename("deconvolution").to_dataframe()
    meaning = "The activation of the channel, projected back onto the input: red is positive, blue is negative."
    figure_frame.below(run, meaning, table, "deconvolution", file, about, code)
