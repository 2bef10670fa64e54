"""Deconvolutions of a channel: the parts of the input that activate it, if the run has them."""

from __future__ import annotations

import streamlit as st

from bitlens import tables
from bitlens.measures import layer_deconvolution
from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import described, known_sets, load
from bitlens_explorer.results.traced import call
from bitlens_explorer.ui import figure_frame, images
from bitlens_explorer.ui.python_code import measure_network_code
from bitlens_explorer.ui.text import escape_markdown, number_ranges, show_hint


def show_deconvolutions(run: Run, layer: str, channel: int, epoch: int) -> None:
    """The projections of one channel at one epoch, or how to compute them."""
    figure_frame.title("Deconvolution")
    sets = known_sets(run, layer_deconvolution, layer)
    known = next((known for known in sets if epoch in known.epochs), None)
    results = load(run, known, [epoch], cached=False)
    if known is None or results is None:
        epochs = sorted({other for known in sets for other in known.epochs})
        others = f" Epochs with deconvolutions: {number_ranges(epochs)}." if epochs else ""
        show_hint(
            f"Layer {escape_markdown(layer)} has no deconvolutions of epoch {epoch} in this run.{others}",
            "compute them with the network, for epochs whose weights were recorded:",
        )
        st.code(measure_network_code(run, f"bitlens.{layer_deconvolution.name}(run, model, {layer!r})"), "python")
        return
    at_epoch = results.sel(epoch=epoch)
    values = at_epoch.value["deconvolution"].sel(channel=channel)
    samples = values["sample"].values.tolist()
    images.show_inputs(run, samples, [f"sample {sample}" for sample in samples])
    images.show_signed(run, values, [f"projection of channel {channel}, sample {sample}" for sample in samples])
    file = file_name(run, "channels", layer, f"channel{channel}", f"epoch{epoch}", "deconvolution", ending="csv")
    about = {"epoch": epoch, "layer": layer, "channel": channel, "quantity": "projection onto the input"}
    table = call(tables.channel_projections, at_epoch, channel)
    meaning = (
        "The activation of the channel, projected back onto the input: red is positive, blue is negative. "
        f"Settings: {escape_markdown(described(known))}."
    )
    figure_frame.below(run, meaning, table, "deconvolution", file, about)
