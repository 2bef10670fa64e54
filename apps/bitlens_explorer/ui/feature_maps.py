"""What the layers page says of a chosen cell: its numbers, and both channels' feature maps."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer import figures, pictures, selections, tables
from bitlens_explorer.query import Query
from bitlens_explorer.words import plain, say

SHOWN = 8


def numbers(run: Run, query: Query, epoch: int, results: xr.Dataset) -> None:
    """Mutual information, its null and the entropies of the chosen pair of channels."""
    figures.title("Chosen channels")
    if query.cell is None:
        say("No cell is chosen.", "click a cell of the heat map, or move through it with the arrow keys.")
        return
    a, b = query.cell
    here = results.sel(channel_a=a, channel_b=b)
    first, second = f"A: layer {query.a}, channel {a}", f"B: layer {query.b}, channel {b}"
    st.markdown(f"**{plain(first)}**; **{plain(second)}**; epoch {epoch}")
    columns = st.columns(2)
    columns[0].metric("Mutual information", f"{float(here.mutual_information):.3f} bits")
    columns[1].metric("Excess over null", f"{float(here.excess):.3f} bits")
    rows = {
        "null, mean ± std": f"{float(here.null_mean):.3f} ± {float(here.null_std):.3f} bits",
        "p-value of the permutation test": f"{float(here.p_value):.3g}",
        "entropy of A's channel": f"{float(here.entropy_a):.3f} bits",
        "entropy of B's channel": f"{float(here.entropy_b):.3f} bits",
        "joint entropy": f"{float(here.joint_entropy):.3f} bits",
    }
    st.table({"": list(rows), "value": list(rows.values())})
    st.markdown("Entropies are those of the binned distances between samples.")


def channel_maps(run: Run, query: Query, epoch: int) -> None:
    """The feature maps of the chosen channel of layer A, below the samples themselves."""
    if query.channel is not None:
        _maps(run, query, epoch, {"chosen": (str(query.a), query.channel)}, "channels")


def neuron_maps(run: Run, query: Query, epoch: int, layer: str, channel: int) -> None:
    """The feature maps of any channel of any layer, below the samples themselves."""
    _maps(run, query, epoch, {"neuron": (layer, channel)}, "ablation")


def maps(run: Run, query: Query, epoch: int) -> None:
    """The feature maps of both channels for some samples of the chosen classes, below the samples themselves."""
    if query.cell is not None:
        layers = (str(query.a), str(query.b))
        _maps(run, query, epoch, dict(zip("AB", zip(layers, query.cell, strict=True), strict=True)), "layers")


def _maps(run: Run, query: Query, epoch: int, channels: dict[str, tuple[str, int]], page: str) -> None:
    figures.title("Feature maps")
    try:
        samples = selections.evenly_spaced_samples(run, query, SHOWN)
    except RunError as error:
        names = ", ".join(plain(run.classes[number]) for number in query.classes)
        what = f"The probe has no sample of class {names}." if query.selection is None else plain(error)
        say(what, "choose other classes on the left, or clear the selection.")
        return
    labels = run.labels
    captions = [f"sample {i}" if labels is None else f"{i}: label {run.classes[labels[i]]}" for i in samples]
    pictures.show_inputs(run, samples, captions)
    try:
        for side, (layer, channel) in channels.items():
            pictures.show_maps(run, layer, channel, epoch, samples)
            name = figures.file_name(run, page, layer, f"channel{channel}", f"epoch{epoch}", "maps", ending="csv")
            about = {"epoch": epoch, "layer": layer, "channel": channel, "quantity": "activation"}
            figures.download(run, partial(_map_table, run, layer, channel, epoch, samples), f"maps {side}", name, about)
    except RunError:
        near = tables.nearest(run, epoch)
        say(f"Only results were recorded at epoch {epoch}; there are no feature maps.", near)


def _map_table(run: Run, layer: str, channel: int, epoch: int, samples: list[int]) -> Any:
    return bitlens.feature_maps(run, layer, channel, epoch, samples).rename("activation").to_dataframe()
