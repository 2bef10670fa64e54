"""Two networks in detail: matrices of channels with their difference, linked scatter plots, and feature maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

import bitlens
from bitlens import tables
from bitlens.measures import layer_pair_information
from bitlens.runs import Run, RunError
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import AnyKnown, known_epochs, known_sets, load
from bitlens_explorer.state import run_access
from bitlens_explorer.state.query import Query
from bitlens_explorer.state.selection import example_samples, select_samples, selected_samples
from bitlens_explorer.ui import figure_frame, images
from bitlens_explorer.ui.bound_widget import choose
from bitlens_explorer.ui.charts import PETROFF
from bitlens_explorer.ui.components import heatmap, scatter
from bitlens_explorer.ui.text import escape_markdown, show_hint, show_warning
from bitlens_explorer.views.compare.captions import CHANNELS, LINKED, MAPS
from bitlens_explorer.views.compare.charts import pair_difference

MOST_CHANNELS = 4
MOST_SAMPLES = 4
MOST_POINTS = 5000
NO_CLASS = 255


@dataclass(frozen=True)
class Shown:
    """A run at an epoch."""

    name: str
    run: Run
    epoch: int

    @property
    def title(self) -> str:
        """Run and epoch, as Markdown."""
        return f"{escape_markdown(self.name)} at epoch {self.epoch}"


def show_two_networks(runs: Mapping[str, Run], query: Query, epoch: int) -> None:
    """The open run and one other: at the chosen epoch, or at the last one of a run that does not have it."""
    first, *others = runs
    name_of = {run_access.address(runs[name].path): name for name in others}
    second = name_of[choose("second", "Second network", name_of)]
    pair = [Shown(name, runs[name], _epoch_of(runs[name], epoch)) for name in (first, second)]
    if query.comparison == "matrices":
        _matrices(pair, query)
        return
    if len({shown.run.manifest.probe_sha256 for shown in pair}) > 1:
        show_hint("These runs have different probes, so their samples are not compared.", "look at the estimates.")
        return
    part = _points if query.comparison == "samples" else _maps
    try:
        part(pair, query)
    except RunError as error:
        show_warning(error)


def _epoch_of(run: Run, epoch: int) -> int:
    epochs = known_epochs(run)
    return epoch if epoch in epochs or not epochs else epochs[-1]


def _matrices(pair: Sequence[Shown], query: Query) -> None:
    """Information between the channels of layers A and B in both runs, and its difference."""
    a, b = str(query.a), str(query.b)
    figure_frame.title(f"Information between layers {escape_markdown(a)} and {escape_markdown(b)}")
    first, second = pair
    sets = [_sets(shown, a, b) for shown in pair]
    shared = next((known for known in sets[0] if known.key in [other.key for other in sets[1]]), None)
    if shared is None:
        what = f"Not both runs have results of these layers with equal parameters: {first.title}, {second.title}."
        show_hint(what, "choose layers on the left that both have, or measure them: bitlens measure RUN.")
        return
    loaded = [
        load(shown.run, next(k for k in of_run if k.key == shared.key), [shown.epoch])
        for shown, of_run in zip(pair, sets, strict=True)
    ]
    values = [found.value["excess"].isel(epoch=0, drop=True) for found in loaded if found is not None]
    if len(values) < 2 or values[0].shape != values[1].shape:
        show_hint("The layers of the two runs have different numbers of channels.", "look at the estimates.")
        return
    titles = [f"{shown.name} at epoch {shown.epoch}" for shown in pair] + [f"{second.name} - {first.name}"]
    drawn = pair_difference(values, titles, file_name(first.run, "compare", a, b, f"epoch{first.epoch}"))
    for column, (number, heat_map) in zip(st.columns(3), enumerate(drawn), strict=True):
        with column:
            st.markdown(f"**{escape_markdown(heat_map.title)}**")
            heatmap.show(heat_map, f"compared {number}")
    st.markdown(CHANNELS)


def _sets(shown: Shown, a: str, b: str) -> list[AnyKnown]:
    known = known_sets(shown.run, layer_pair_information, a, b, quiet=True)
    return [results for results in known if shown.epoch in results.epochs]


def _points(pair: Sequence[Shown], query: Query) -> None:
    """The scatter-plot matrices of layer A of both runs; a selection applies to both."""
    layer = str(query.a)
    figure_frame.title(f"Samples in the space of layer {escape_markdown(layer)}")
    first = pair[0].run
    for number, (column, shown) in enumerate(zip(st.columns(2, gap="large"), pair, strict=True)):
        with column:
            st.markdown(f"**{shown.title}**")
            matrix = _matrix(shown, layer, f"{first.path} compared")
            chosen = selected_samples(first, query)
            scatter.show(matrix, f"compared points {number}", chosen, partial(select_samples, first), _stay)
    st.markdown(LINKED)


def _stay(row: int, column: int) -> None:
    """A click on a plot chooses nothing on this page."""


def _matrix(shown: Shown, layer: str, group: str) -> scatter.ScatterMatrix:
    run, epoch = shown.run, shown.epoch
    channels = list(range(min(MOST_CHANNELS, run.layer(layer).channels)))
    points = bitlens.layer_points(run, layer, epoch, MOST_POINTS, pooled=True)
    table = tables.layer_points({layer: points}, {layer: channels})
    samples = table["sample"].to_numpy()
    labels = run.labels
    classes = np.full(len(samples), NO_CLASS) if labels is None else np.minimum(labels[samples], NO_CLASS)
    return scatter.ScatterMatrix(
        values=table.iloc[:, 1:].to_numpy(np.float32),
        names=[str(channel) for channel in channels],
        columns=channels,
        rows=channels,
        class_of=classes.astype(np.uint8),
        classes=list(run.classes),
        colors=PETROFF,
        sample_of=samples.astype(np.int32),
        samples=run.manifest.samples,
        title=f"{shown.name}: samples in the space of layer {layer} at epoch {epoch}",
        unit="activation",
        group=group,
        file=file_name(run, "compare", layer, f"epoch{epoch}", ending="png"),
        height=480,
    )


def _maps(pair: Sequence[Shown], query: Query) -> None:
    """Several channels of layer A of both runs for the same inputs (CNNSlicer, Fig. 8)."""
    layer = str(query.a)
    figure_frame.title(f"Channels of layer {escape_markdown(layer)} for the same inputs")
    samples = example_samples(pair[0].run, query, MOST_SAMPLES)
    for column, shown in zip(st.columns(2, gap="large"), pair, strict=True):
        with column:
            st.markdown(f"**{shown.title}**")
            images.show_inputs(shown.run, samples, [f"sample {sample}" for sample in samples])
            for channel in range(min(MOST_CHANNELS, shown.run.layer(layer).channels)):
                images.show_maps(shown.run, layer, channel, shown.epoch, samples)
    st.markdown(MAPS)
