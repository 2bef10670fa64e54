"""The channels page (CNNSlicer, section 5.4): how much the maps of each channel vary, by class, and what they keep."""

from __future__ import annotations

import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer import channel_charts, charts, compute, details, figures, playing, projections, recorded
from bitlens_explorer import query as queries
from bitlens_explorer.components import heatmap, packing
from bitlens_explorer.context import context
from bitlens_explorer.query import Query
from bitlens_explorer.words import count, plain, say

SHOWN = 8  # channels whose lines are drawn at once


def main() -> None:
    """The page."""
    run, query, epoch = context()
    st.title("Channels", anchor=False)
    layer = str(query.a)
    st.markdown(f"Of **layer {plain(layer)}**, layer A on the left.")
    results = recorded.channels(run, layer)
    if results is None:
        say(f"The channels of layer {plain(layer)} have not been measured.", "press the button; it takes seconds.")
        _offer(run, layer, run.epochs)
        return
    if len(run.layer(layer).shape) == 1:
        say(
            f"Layer {plain(layer)} has single values, which do not vary within a sample.",
            "choose a layer with maps as layer A.",
        )
    else:
        groups = channel_charts.by_group(results, [run.classes[i] for i in query.classes] or list(run.classes))
        _overview(run, layer, query, epoch, results, groups)
        _lines(run, layer, epoch, groups, results)
    _dead(run, layer, epoch, results)
    if query.channel is None:
        say("No channel is chosen.", "click a circle or a cell of the map to see its feature maps.")
        return
    try:
        details.channel_maps(run, query, epoch)
    except RunError as error:
        figures.failed(error)
    projections.show(run, layer, query.channel, epoch)


def _overview(run: Run, layer: str, query: Query, epoch: int, results: xr.Dataset, groups: xr.DataArray) -> None:
    wide, narrow = st.columns([3, 2], gap="large")
    with wide:
        figures.title("Classes and their channels")
        if epoch in groups.epoch:
            packing.show(
                channel_charts.circles(run, layer, groups, epoch), "circles", query.channel, lambda _, item: _pick(item)
            )
            frame = groups.sel(epoch=epoch).transpose("group", "channel").to_pandas()
            meaning = (
                "A circle for each class, in it one for each channel; the area is the intra-sample entropy: how much the "
                "values within one feature map vary."
            )
            name = figures.file_name(run, "channels", layer, f"epoch{epoch}", ending="csv")
            figures.below(
                run,
                meaning,
                frame,
                "circles",
                name,
                {"epoch": epoch, "layer": layer, "unit": "bits"},
                [
                    *_code(run, layer, results, groups),
                    f"table = groups.sel(epoch={epoch}).transpose('group', 'channel').to_pandas()",
                ],
            )
        else:
            say(f"Epoch {epoch} has not been measured so.", "press the button, or choose another epoch.")
            _offer(run, layer, [epoch] if epoch in run.epochs else [], int(results.attrs["bins"]))
    with narrow:
        figures.title("All channels and epochs")
        drawn = channel_charts.over_epochs(run, layer, results)
        picked = None if query.channel is None or epoch not in results.epoch else (query.channel, epoch)
        heatmap.show(drawn, "channels", picked, _pick_epoch)
        meaning = (
            f"Intra-sample entropy over all samples, {results.attrs['bins']} bins. A click chooses channel and epoch."
        )
        name = figures.file_name(run, "channels", layer, "epochs", ending="csv")
        code = [_read(layer, results), "table = results.intra_sample_entropy.transpose('channel', 'epoch').to_pandas()"]
        figures.below(run, meaning, drawn.table.to_pandas(), "channels", name, {"layer": layer, "unit": "bits"}, code)
        if epoch in groups.epoch:
            chart = channel_charts.bars(groups.sel(epoch=epoch).isel(group=0), query.channel)
            charts.draw(chart, "bars", f"intra-sample entropy of the channels of layer {layer} at epoch {epoch}")


def _lines(run: Run, layer: str, epoch: int, groups: xr.DataArray, results: xr.Dataset) -> None:
    figures.title("Each channel over epochs")
    channels = groups.channel.values.tolist()
    pages = -(-len(channels) // SHOWN)
    page = 1
    if pages > 1:
        words = [f"{SHOWN * i} to {min(SHOWN * (i + 1), len(channels)) - 1}" for i in range(pages)]
        page = 1 + st.selectbox("Channels", range(pages), format_func=words.__getitem__, key=f"page of {layer}")
    shown = channels[SHOWN * (page - 1) : SHOWN * page]
    order = [str(name) for name in groups.group.values]
    charts.draw(channel_charts.legend(order), "channel legend", "the colours of the classes", alone=False)
    top = float(groups.max())
    for first in range(0, len(shown), 4):
        for column, channel in zip(st.columns(4), shown[first : first + 4], strict=False):
            with column:
                st.markdown(f"**Channel {channel}**")
                charts.draw(
                    channel_charts.line(groups, channel, epoch, top, order), f"channel {channel}",
                    f"intra-sample entropy of channel {channel} in bits over epochs, a line for every class", alone=False,
                )  # fmt: skip
    meaning = (
        "Intra-sample entropy over epochs; all boxes have the same axes. Choose classes on the left to see fewer lines."
    )
    name = figures.file_name(run, "channels", layer, "classes", ending="csv")
    frame = groups.sel(channel=shown).rename("bits").to_dataframe()
    code = [*_code(run, layer, results, groups), f"table = groups.sel(channel={shown}).rename('bits').to_dataframe()"]
    figures.below(run, meaning, frame, "channel lines", name, {"layer": layer, "unit": "bits"}, code)


def _dead(run: Run, layer: str, epoch: int, results: xr.Dataset) -> None:
    if epoch not in results.epoch:
        return
    dead = results.channel.values[results.dead.sel(epoch=epoch).to_numpy()].tolist()
    if dead:
        numbers = ", ".join(map(str, dead))
        st.markdown(f"**Dead at epoch {epoch}** (one value for all samples): {count(len(dead), 'channel')}: {numbers}.")
    else:
        st.markdown(f"No channel is dead at epoch {epoch}: each has more than one value.")


def _pick_epoch(channel: int, epoch: int) -> None:
    playing.stop()
    queries.change(channel=channel, epoch=epoch)


def _pick(channel: int) -> None:
    queries.change(channel=channel)


def _read(layer: str, results: xr.Dataset) -> str:
    epochs = results.epoch.values.tolist()
    return f"results = bitlens.channel_entropies(run, {layer!r}, bins={results.attrs['bins']}, epochs={epochs})"


def _code(run: Run, layer: str, results: xr.Dataset, groups: xr.DataArray) -> list[str]:
    names = [str(name) for name in groups.group.values][1:]
    lines = [_read(layer, results), "groups = results.intra_sample_entropy.expand_dims(group=['all samples'])"]
    if names:
        lines += [
            "classes = results.class_intra_sample_entropy.rename({'class': 'group'})",
            f"groups = xarray.concat([groups, classes.sel(group={names})], 'group')",
        ]
    return ["import xarray", *lines, "groups = groups.transpose('group', 'epoch', 'channel')"]


def _offer(run: Run, layer: str, epochs: list[int], bins: int = 32) -> None:
    steps = [(f"epoch {e}", lambda e=e: bitlens.channel_entropies(run, layer, bins, epochs=[e])) for e in epochs]
    compute.offer(f"channels of layer {plain(layer)}, {count(len(epochs), 'epoch')}", "compute channels", steps)


main()
