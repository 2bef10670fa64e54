"""Average inputs and feature maps of the selected samples in every layer."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import numpy as np
import streamlit as st
import xarray as xr

import bitlens
from bitlens import tables
from bitlens.runs import Run, RunError
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.query import Query, change_query
from bitlens_explorer.state.selection import selected_samples
from bitlens_explorer.ui import figure_frame
from bitlens_explorer.ui.components import heatmap
from bitlens_explorer.ui.components.heatmap import HeatMap
from bitlens_explorer.ui.sequences import are_tokens
from bitlens_explorer.ui.text import count, escape_markdown, show_hint


def show_averages(run: Run, query: Query, epoch: int) -> None:
    """A mosaic of average maps for every layer; a click shows the channel in the scatter-plot matrix."""
    samples, of_whom = _samples(run, query)
    figure_frame.title("Average input and feature maps")
    if not samples.value:
        show_hint("The chosen classes have no samples.", "choose other classes on the left.")
        return
    st.markdown(f"Over {of_whom}. A click on a map shows its channel on the left.")
    averages = []
    tokens = are_tokens(run)
    if tokens:
        st.caption("Inputs are numbers of tokens, whose average means nothing, so it is left out.")
    for layer in run.layers[1:] if tokens else run.layers:
        average = _average(run, layer.name, epoch, samples)
        st.button(
            f"**{escape_markdown(layer.name)}** ({escape_markdown(layer.kind)})",
            key=f"layer of averages {layer.name}",
            type="tertiary",
            help="Show the samples in the space of this layer",
            on_click=change_query,
            kwargs={"a": layer.name},
        )
        chosen = None if layer.name != query.a or query.channel is None else (query.channel, 0)
        drawn = _mosaic(run, layer.name, epoch, average.value)
        heatmap.show(drawn, f"average {layer.name}", chosen, partial(_visit, run, layer.name))
        averages.append(average)
    meaning = "The mean of every value over these samples. Each layer has a separate colour scale; brighter is more."
    file = file_name(run, "embedding", "averages", f"epoch{epoch}", ending="csv")
    about = {"epoch": epoch, "samples": len(samples.value)}
    figure_frame.below(run, meaning, call(tables.average_values, averages), "averages", file, about)


def _samples(run: Run, query: Query) -> tuple[Traced, str]:
    """The selected samples, or all of the chosen classes; and a text that names them."""
    if query.selection is not None and (selected := selected_samples(run, query)):
        chosen = Traced(selected, f"bitlens.load_selection(run, {query.selection!r})")
        return chosen, f"the {count(len(selected), 'selected sample')}"
    label, samples = list(query.classes) or None, []
    with suppress(RunError):  # raised if the chosen classes have no samples
        samples = list(run.slice(label=label).samples.values)
    chosen = Traced(samples, f"run.slice(label={label}).samples.values")
    return chosen, f"all {count(len(samples), 'sample')}" + (" of the chosen classes" if query.classes else "")


def _visit(run: Run, layer: str, channel: int, _place: int) -> None:
    if channel < run.layer(layer).channels:
        change_query(a=layer, channel=channel, dims=(channel,), space="one")


def _average(run: Run, layer: str, epoch: int, samples: Traced) -> Traced:
    stamp = (run.path / "epochs").stat().st_mtime_ns
    average: Traced = _cached_average(str(run.path), stamp, layer, epoch, tuple(samples.value), run, samples)
    return average


@st.cache_resource(max_entries=200, show_spinner=False)
def _cached_average(
    path: str, stamp: int, layer: str, epoch: int, numbers: tuple[int, ...], _run: Run, _samples: Traced
) -> Traced:
    return call(bitlens.average_maps, _run, layer, epoch, _samples)


def _mosaic(run: Run, layer: str, epoch: int, average: xr.DataArray) -> HeatMap:
    """Average feature maps of a layer as tiles."""
    maps = average.to_numpy()
    maps = maps if maps.ndim == 3 else maps.reshape(len(maps), 1, -1)
    number, height, width = maps.shape
    across = min(number, max(1, round((number * height * 3 / width) ** 0.5)))
    down = -(-number // across)
    tiles = np.full((down * across, height, width), np.nan)
    tiles[:number] = maps
    joined = tiles.reshape(down, across, height, width).swapaxes(1, 2).reshape(down * height, across * width)
    places = {"row": np.arange(down * height), "column": np.arange(across * width)}
    return HeatMap(
        table=xr.DataArray(joined, places, ["row", "column"]),
        title=f"Average of layer {layer} at epoch {epoch}",
        x_title="channel",
        y_title="",
        unit="",
        low=float(maps.min()),
        high=float(maps.max()),
        row_ids=range(down * height),
        column_ids=range(across * width),
        file=file_name(run, "embedding", layer, f"epoch{epoch}", "average"),
        palette="gray" if layer == run.layers[0].name else "viridis",
        gap="no channel",
        height=round(30 + min(360, max(34, 200 * (down * height) / (across * width)))),
        tile=(height, width),
        square=height > 1,
    )
