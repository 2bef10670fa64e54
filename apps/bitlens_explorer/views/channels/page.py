"""The channels page (CNNSlicer, section 5.4): how much the maps of each channel vary, and what activates a channel."""

from __future__ import annotations

import streamlit as st

from bitlens import tables
from bitlens.measures import Task, channel_entropies
from bitlens.runs import Run, RunError
from bitlens_explorer.results.definitions import DEFINITIONS
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import AnyKnown, described, known_sets, load, missing_tasks, stored_epochs
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state import playback
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import SCALES, Query, change_query
from bitlens_explorer.ui import charts, compute_button, figure_frame, page_frame
from bitlens_explorer.ui.bound_widget import switch
from bitlens_explorer.ui.components import circle_packing, heatmap
from bitlens_explorer.ui.feature_maps import show_feature_maps
from bitlens_explorer.ui.pagination import choose_part
from bitlens_explorer.ui.text import count, escape_markdown, show_hint, show_warning
from bitlens_explorer.views.channels.charts import bars, channel_lines, circles, epoch_map, legend
from bitlens_explorer.views.channels.deconvolutions import show_deconvolutions

MOST_CHANNELS = 8  # whose lines are drawn at once
WIDTH_OF_LINES = 185  # pixels: three in a row at 1440, two at 1024


CIRCLES, EPOCHS, LINES = TITLES = "Classes and their channels", "All channels and epochs", "Each channel over epochs"


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    page_frame.head("Channels", "How much do the maps of each channel vary, and what activates a channel?")
    layer = str(query.a)
    name = escape_markdown(layer)
    known = next(iter(known_sets(run, channel_entropies, layer)), None)
    results = load(run, known)
    if known is None or results is None:
        show_hint(f"The channels of layer {name} have not been measured.", "press the button; it takes seconds.")
        _offer(run, layer, missing_tasks(run, channel_entropies, (layer,), known, results))
        return
    left, answer = page_frame.figure_and_answer()
    with left:
        if len(run.layer(layer).shape) == 1:
            what = f"Layer {name} has single values, which do not vary within a sample."
            show_hint(what, "choose a layer with maps.")
        else:
            _figures(run, layer, query, epoch, known, results)
    with answer:
        _dead(layer, epoch, results)
        if query.channel is None:
            show_hint("No channel is chosen.", "click a circle or a cell of the map to see its feature maps.")
            return
        try:
            show_feature_maps(run, query, epoch, [(layer, query.channel)], "channels")
        except RunError as error:
            show_warning(error)
        show_deconvolutions(run, layer, query.channel, epoch)


def _figures(run: Run, layer: str, query: Query, epoch: int, known: AnyKnown, results: Traced) -> None:
    classes = [run.classes[i] for i in query.classes] or list(run.classes)
    table = call(tables.channel_entropies, results, classes)
    about = {"layer": layer, "settings": described(known), "unit": "bits"}
    if epoch not in stored_epochs(results):
        what = f"Epoch {epoch} has not been measured with these parameters."
        show_hint(what, "press the button, or choose another epoch.")
        tasks = missing_tasks(run, channel_entropies, (layer,), known, results)
        _offer(run, layer, [task for task in tasks if task.epoch == epoch])
    at_epoch = table.rows(epoch=epoch)
    switch(st.segmented_control, "Axes and circles", "scale", SCALES)
    for title in page_frame.figures("channels", TITLES):
        of_all = ", all samples" if title == EPOCHS and query.classes else ""  # classes act on the other figures
        name = f"{title} of layer {escape_markdown(layer)}{of_all}"
        figure_frame.title(name, DEFINITIONS["intra_sample_entropy"])
        if title == CIRCLES and len(at_epoch.value):
            _circles(run, layer, query, epoch, at_epoch, about)
        elif title == EPOCHS:
            _epochs(run, layer, query, epoch, results, table, about)
        elif title == LINES:
            _lines(run, layer, query, epoch, table)


def _circles(run: Run, layer: str, query: Query, epoch: int, at_epoch: Traced, about: dict[str, str]) -> None:
    packing = circles(run, layer, at_epoch.value, epoch, query.scale)
    circle_packing.show(packing, "circles", query.channel, lambda _, channel: change_query(channel=channel))
    meaning = (
        "A large circle for each class contains a circle for each channel, with its number. Larger circles have more "
        "intra-sample entropy: the values within a feature map vary more."
    )
    file = file_name(run, "channels", layer, f"epoch{epoch}", ending="csv")
    figure_frame.below(run, meaning, at_epoch, "circles", file, {"epoch": epoch, **about})


def _epochs(
    run: Run, layer: str, query: Query, epoch: int, results: Traced, table: Traced, about: dict[str, str]
) -> None:
    """A map of all channels and epochs, and the channels of the epoch as bars; over all samples."""
    drawn = epoch_map(run, layer, results.value, query.scale)
    at_epoch = table.rows(epoch=epoch)
    chosen = None if query.channel is None or not len(at_epoch.value) else (query.channel, epoch)
    heatmap.show(drawn, "channels", chosen, _pick_epoch)
    meaning = (
        f"Intra-sample entropy over all samples, {escape_markdown(about['settings'])}. A click chooses a channel and "
        "an epoch."
    )
    file = file_name(run, "channels", layer, "epochs", ending="csv")
    figure_frame.below(run, meaning, table.rows(group=tables.ALL_SAMPLES), "channels", file, about)
    if len(at_epoch.value):
        of_all = at_epoch.rows(group=tables.ALL_SAMPLES)
        chart = bars(of_all.value, query.channel)
        charts.draw(chart, "bars", f"intra-sample entropy of the channels of layer {layer} at epoch {epoch}")
        file = file_name(run, "channels", layer, f"epoch{epoch}", "bars", ending="csv")
        meaning = f"The same at epoch {epoch}, the largest first."
        figure_frame.below(run, meaning, of_all, "bars", file, {"epoch": epoch, **about}, chart)


def _lines(run: Run, layer: str, query: Query, epoch: int, traced: Traced) -> None:
    table = traced.value
    shown = choose_part("Channels", list(dict.fromkeys(table["channel"])), MOST_CHANNELS, f"channels of {layer}")
    groups = [str(name) for name in dict.fromkeys(table["group"])]
    charts.draw(legend(groups), "channel legend", "the colours of the classes")
    values = table["intra_sample_entropy"]
    axis = (0.0 if query.scale == "zero" else float(values.min()), float(values.max()))
    with st.container(horizontal=True, gap="small"):
        for channel in shown:
            with st.container(width=WIDTH_OF_LINES):
                st.caption(f"Channel {channel}")
                alt_text = f"intra-sample entropy of channel {channel} in bits over epochs, a line for every class"
                chart = channel_lines(table, channel, epoch, axis, groups)
                charts.draw(chart, f"channel {channel}", alt_text)
    meaning = "Intra-sample entropy over epochs, on equal axes. Choose classes on the left to see fewer lines."
    file = file_name(run, "channels", layer, "classes", ending="csv")
    part = traced.rows(channel=shown)
    figure_frame.below(run, meaning, part, "channel lines", file, {"layer": layer, "unit": "bits"})


def _dead(layer: str, epoch: int, results: Traced) -> None:
    """The channels that have one value for all samples."""
    figure_frame.title(f"Layer {escape_markdown(layer)}")
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
