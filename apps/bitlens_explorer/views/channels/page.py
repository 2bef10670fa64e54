"""The channels page (CNNSlicer, section 5.4): how much the maps of each channel vary, and what activates a channel."""

from __future__ import annotations

import streamlit as st

from bitlens import tables
from bitlens.measures import Task, channel_entropies
from bitlens.runs import Run, RunError
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import described, known_sets, load, missing_tasks, stored_epochs
from bitlens_explorer.results.traced import Traced, call
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
    known = next(iter(known_sets(run, channel_entropies, layer)), None)
    results = load(run, known)
    if known is None or results is None:
        show_hint(f"The channels of layer {name} have not been measured.", "press the button; it takes seconds.")
        _offer(run, layer, missing_tasks(run, channel_entropies, (layer,), known, results))
        return
    if len(run.layer(layer).shape) == 1:
        what = f"Layer {name} has single values, which do not vary within a sample."
        show_hint(what, "choose a layer with maps as layer A.")
    else:
        classes = [run.classes[i] for i in query.classes] or list(run.classes)
        table = call(tables.channel_entropies, results, classes)
        settings = described(known)
        if epoch not in stored_epochs(results):
            what = f"Epoch {epoch} has not been measured with these parameters."
            show_hint(what, "press the button, or choose another epoch.")
            tasks = missing_tasks(run, channel_entropies, (layer,), known, results)
            _offer(run, layer, [task for task in tasks if task.epoch == epoch])
        _overview(run, layer, query, epoch, results, table, settings)
        _lines(run, layer, epoch, table)
    _dead(epoch, results)
    if query.channel is None:
        show_hint("No channel is chosen.", "click a circle or a cell of the map to see its feature maps.")
        return
    try:
        show_feature_maps(run, query, epoch, [(layer, query.channel)], "channels")
    except RunError as error:
        show_warning(error)
    show_deconvolutions(run, layer, query.channel, epoch)


def _overview(run: Run, layer: str, query: Query, epoch: int, results: Traced, table: Traced, settings: str) -> None:
    left, right = st.columns([3, 2], gap="large")
    at_epoch = table.rows(epoch=epoch)
    about = {"layer": layer, "settings": settings, "unit": "bits"}
    with left:
        figure_frame.title("Classes and their channels")
        if len(at_epoch.value):
            packing = circles(run, layer, at_epoch.value, epoch)
            circle_packing.show(packing, "circles", query.channel, lambda _, channel: change_query(channel=channel))
            meaning = (
                "A large circle for each class contains a circle for each channel. The area is the intra-sample "
                "entropy: how much the values within one feature map vary."
            )
            file = file_name(run, "channels", layer, f"epoch{epoch}", ending="csv")
            figure_frame.below(run, meaning, at_epoch, "circles", file, {"epoch": epoch, **about})
    with right:
        figure_frame.title("All channels and epochs")
        drawn = epoch_map(run, layer, results.value)
        chosen = None if query.channel is None or not len(at_epoch.value) else (query.channel, epoch)
        heatmap.show(drawn, "channels", chosen, _pick_epoch)
        meaning = (
            f"Intra-sample entropy over all samples, {escape_markdown(settings)}. A click chooses a channel and an "
            "epoch."
        )
        file = file_name(run, "channels", layer, "epochs", ending="csv")
        of_all = table.rows(group=tables.ALL_SAMPLES)
        figure_frame.below(run, meaning, of_all, "channels", file, about)
        if len(at_epoch.value):
            chart = bars(at_epoch.rows(group=tables.ALL_SAMPLES).value, query.channel)
            charts.draw(chart, "bars", f"intra-sample entropy of the channels of layer {layer} at epoch {epoch}")


def _lines(run: Run, layer: str, epoch: int, traced: Traced) -> None:
    figure_frame.title("Each channel over epochs")
    table = traced.value
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
    part = traced.rows(channel=shown)
    figure_frame.below(run, meaning, part, "channel lines", file, {"layer": layer, "unit": "bits"})


def _dead(epoch: int, results: Traced) -> None:
    """The channels that have one value for all samples."""
    if epoch not in stored_epochs(results):
        return
    dead = tables.dead_channels(results.value.sel(epoch=epoch))["channel"].tolist()
    if dead:
        numbers = ", ".join(map(str, dead))
        st.markdown(f"**Dead at epoch {epoch}** (one value for all samples): {count(len(dead), 'channel')}: {numbers}.")
    else:
        st.markdown(f"No channel is dead at epoch {epoch}: each has more than one value.")


def _pick_epoch(channel: int, epoch: int) -> None:
    playback.go_to(epoch)
    change_query(channel=channel)


def _offer(run: Run, layer: str, tasks: list[Task]) -> None:
    label = f"channels of layer {escape_markdown(layer)}, {count(len(tasks), 'epoch')}"
    compute_button.offer(run, label, "compute channels", tasks)


main()
