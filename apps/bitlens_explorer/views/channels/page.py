"""The channels page (CNNSlicer, section 5.4): how much the maps of each channel vary, and what activates a channel."""

from __future__ import annotations

from typing import Any

import streamlit as st
import xarray as xr

import bitlens
from bitlens import tables
from bitlens.runs import Run, RunError
from bitlens_explorer.results.channels import USUAL_BINS, channel_entropies
from bitlens_explorer.results.export import file_name
from bitlens_explorer.state import playback
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import Query, change_query
from bitlens_explorer.ui import charts, compute_button, figure_frame
from bitlens_explorer.ui.components import circle_packing, heatmap
from bitlens_explorer.ui.feature_maps import show_feature_maps
from bitlens_explorer.ui.pagination import choose_part
from bitlens_explorer.ui.text import count, escape_markdown, show_hint, show_warning
from bitlens_explorer.views.channels.charts import bars, channel_lines, circles, epoch_map, legend
from bitlens_explorer.views.channels.deconvolutions import show_deconvolutions

MOST_CHANNELS = 8  # whose lines are drawn at once
COLUMNS = 4


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    st.title("Channels", anchor=False)
    layer = str(query.a)
    name = escape_markdown(layer)
    st.markdown(f"These are the channels of **layer {name}**, which is layer A on the left.")
    results = channel_entropies(run, layer)
    if results is None:
        show_hint(f"The channels of layer {name} have not been measured.", "press the button; it takes seconds.")
        _offer(run, layer, run.epochs)
        return
    if len(run.layer(layer).shape) == 1:
        what = f"Layer {name} has single values, which do not vary within a sample."
        show_hint(what, "choose a layer with maps as layer A.")
    else:
        classes = [run.classes[i] for i in query.classes] or list(run.classes)
        table = tables.channel_entropies(results, classes)
        code = _code(layer, results, classes)
        _overview(run, layer, query, epoch, results, table, code)
        _lines(run, layer, epoch, table, code)
    _dead(epoch, results)
    if query.channel is None:
        show_hint("No channel is chosen.", "click a circle or a cell of the map to see its feature maps.")
        return
    try:
        show_feature_maps(run, query, epoch, [(layer, query.channel)], "channels")
    except RunError as error:
        show_warning(error)
    show_deconvolutions(run, layer, query.channel, epoch)


def _overview(run: Run, layer: str, query: Query, epoch: int, results: xr.Dataset, table: Any, code: list[str]) -> None:
    left, right = st.columns([3, 2], gap="large")
    at_epoch = table[table["epoch"] == epoch].reset_index(drop=True)
    about = {"layer": layer, "unit": "bits"}
    with left:
        figure_frame.title("Classes and their channels")
        if len(at_epoch):
            packing = circles(run, layer, at_epoch, epoch)
            circle_packing.show(packing, "circles", query.channel, lambda _, channel: change_query(channel=channel))
            meaning = (
                "A large circle for each class contains a circle for each channel. The area is the intra-sample "
                "entropy: how much the values within one feature map vary."
            )
            file = file_name(run, "channels", layer, f"epoch{epoch}", ending="csv")
            lines = [*code, f"table = table[table.epoch == {epoch}].reset_index(drop=True)"]
            figure_frame.below(run, meaning, at_epoch, "circles", file, {"epoch": epoch, **about}, lines)
        else:
            what = f"Epoch {epoch} has not been measured with these parameters."
            show_hint(what, "press the button, or choose another epoch.")
            _offer(run, layer, [epoch] if epoch in run.epochs else [], int(results.attrs["bins"]))
    with right:
        figure_frame.title("All channels and epochs")
        drawn = epoch_map(run, layer, results)
        chosen = None if query.channel is None or not len(at_epoch) else (query.channel, epoch)
        heatmap.show(drawn, "channels", chosen, _pick_epoch)
        bins = results.attrs["bins"]
        meaning = f"Intra-sample entropy over all samples, {bins} bins. A click chooses a channel and an epoch."
        file = file_name(run, "channels", layer, "epochs", ending="csv")
        lines = [
            _read(layer, results),
            "table = results.intra_sample_entropy.transpose('channel', 'epoch').to_pandas()",
        ]
        figure_frame.below(run, meaning, drawn.table.to_pandas(), "channels", file, about, lines)
        if len(at_epoch):
            chart = bars(at_epoch[at_epoch["group"] == tables.ALL_SAMPLES], query.channel)
            charts.draw(chart, "bars", f"intra-sample entropy of the channels of layer {layer} at epoch {epoch}")


def _lines(run: Run, layer: str, epoch: int, table: Any, code: list[str]) -> None:
    figure_frame.title("Each channel over epochs")
    shown = choose_part("Channels", list(dict.fromkeys(table["channel"])), MOST_CHANNELS, f"channels of {layer}")
    groups = [str(name) for name in dict.fromkeys(table["group"])]
    charts.draw(legend(groups), "channel legend", "the colours of the classes", alone=False)
    top = float(table["intra_sample_entropy"].max())
    for first in range(0, len(shown), COLUMNS):
        for column, channel in zip(st.columns(COLUMNS), shown[first : first + COLUMNS], strict=False):
            with column:
                st.markdown(f"**Channel {channel}**")
                alt_text = f"intra-sample entropy of channel {channel} in bits over epochs, a line for every class"
                chart = channel_lines(table, channel, epoch, top, groups)
                charts.draw(chart, f"channel {channel}", alt_text, alone=False)
    meaning = "Intra-sample entropy over epochs, on equal axes. Choose classes on the left to see fewer lines."
    file = file_name(run, "channels", layer, "classes", ending="csv")
    part = table[table["channel"].isin(shown)].reset_index(drop=True)
    lines = [*code, f"table = table[table.channel.isin({shown})].reset_index(drop=True)"]
    figure_frame.below(run, meaning, part, "channel lines", file, {"layer": layer, "unit": "bits"}, lines)


def _dead(epoch: int, results: xr.Dataset) -> None:
    """The channels that have one value for all samples."""
    if epoch not in results.epoch:
        return
    dead = tables.dead_channels(results.sel(epoch=epoch))["channel"].tolist()
    if dead:
        numbers = ", ".join(map(str, dead))
        st.markdown(f"**Dead at epoch {epoch}** (one value for all samples): {count(len(dead), 'channel')}: {numbers}.")
    else:
        st.markdown(f"No channel is dead at epoch {epoch}: each has more than one value.")


def _pick_epoch(channel: int, epoch: int) -> None:
    playback.stop()
    change_query(channel=channel, epoch=epoch)


def _read(layer: str, results: xr.Dataset) -> str:
    epochs = results.epoch.values.tolist()
    return f"results = bitlens.channel_entropies(run, {layer!r}, bins={results.attrs['bins']}, epochs={epochs})"


def _code(layer: str, results: xr.Dataset, classes: list[str]) -> list[str]:
    """The lines of Python that make the table of all channels."""
    table = f"table = tables.channel_entropies(results, {classes})"
    return ["from bitlens import tables", "", _read(layer, results), table]


def _offer(run: Run, layer: str, epochs: list[int], bins: int = USUAL_BINS) -> None:
    steps = [(f"epoch {e}", lambda e=e: bitlens.channel_entropies(run, layer, bins, epochs=[e])) for e in epochs]
    label = f"channels of layer {escape_markdown(layer)}, {count(len(epochs), 'epoch')}"
    compute_button.offer(label, "compute channels", steps)


main()
