"""The channels page's figures, made of results as the library gives them: a line a class, a map of epochs, circles."""

from __future__ import annotations

from typing import Any

import altair as alt
import xarray as xr

from bitlens.runs import Run
from bitlens_explorer import charts, figures
from bitlens_explorer.charts import DASHES, PETROFF
from bitlens_explorer.components.heatmap import HeatMap
from bitlens_explorer.components.packing import Packing

ALL = "all samples"
GREY = "#898989"
UNIT = "intra-sample entropy (bits)"


def by_group(results: xr.Dataset, classes: list[str]) -> xr.DataArray:
    """Entropies of all samples and of each class [group, epoch, channel]; a class that is called so is told apart."""
    everything = results.intra_sample_entropy.expand_dims({"group": [ALL]})
    parts = [everything]
    if classes:
        names = [f"class {name}" if name == ALL else name for name in classes]
        of_class = results.class_intra_sample_entropy.sel({"class": classes}).rename({"class": "group"})
        parts.append(of_class.assign_coords(group=names))
    found: xr.DataArray = xr.concat(parts, "group").transpose("group", "epoch", "channel")
    return found


def line(groups: xr.DataArray, channel: int, epoch: int, top: float, order: list[str]) -> charts.Chart:
    """One channel's entropies over epochs, a line a group; the same axis for all channels."""
    part = groups.sel(channel=channel).rename("value").to_dataframe().reset_index()[["epoch", "group", "value"]]
    marks = range(len(order))
    named: Any = {"domain": order}  # Altair's types know no list of lists
    color = alt.Color("group:N", legend=None).scale(
        **named, range=[GREY, *(PETROFF[i % len(PETROFF)] for i in marks)][: len(order)]
    )
    dash = alt.StrokeDash("group:N", legend=None).scale(
        **named, range=[[1, 0], *(DASHES[i % len(DASHES)] for i in marks)][: len(order)]
    )
    tips = [alt.Tooltip("group:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", title="bits", format=".3f")]
    lines = alt.Chart(part).mark_line(point=alt.OverlayMarkDef(size=14)).encode(
        x=charts.epoch_axis(groups.epoch.values.tolist()),
        y=alt.Y("value:Q", title="bits", scale=alt.Scale(domain=[0, top], nice=False)),
        color=color, strokeDash=dash, tooltip=tips,
        strokeWidth=alt.condition(alt.datum.group == ALL, alt.value(4), alt.value(1.5)),
    )  # fmt: skip
    return alt.layer(lines, charts.now(epoch)).properties(height=150)


def legend(order: list[str]) -> charts.Chart:
    """The groups beside their lines, once for all channels."""
    marks = range(len(order))
    rows = [{"group": name, "place": place} for place, name in enumerate(order)]
    base = alt.Chart(alt.InlineData(rows)).encode(x=alt.X("place:O", axis=None, sort=None))
    color = alt.Color("group:N", legend=None).scale(domain=order, range=[GREY, *(PETROFF[i % 10] for i in marks)])
    points = base.mark_square(size=120, yOffset=-8).encode(color=color)
    words = base.mark_text(dy=10, fontSize=13, limit=90, color="#7a7a7a").encode(text="group:N")
    return alt.layer(points, words).properties(height=44)


def over_epochs(run: Run, layer: str, results: xr.Dataset) -> HeatMap:
    """All channels of a layer at a glance: a row a channel, a column an epoch."""
    table = results.intra_sample_entropy.transpose("channel", "epoch")
    return HeatMap(
        table=table,
        title=f"Intra-sample entropy of layer {layer}",
        x_title="epoch",
        y_title="channel",
        unit="bits",
        low=0.0,
        high=float(table.max()),
        row_ids=table.channel.values.tolist(),
        column_ids=table.epoch.values.tolist(),
        file=figures.file_name(run, "channels", layer),
        height=max(260, min(700, 66 + 14 * table.sizes["channel"])),
    )


def circles(run: Run, layer: str, groups: xr.DataArray, epoch: int) -> Packing:
    """Classes as circles, in them the channels."""
    table = groups.sel(epoch=epoch).transpose("group", "channel")
    return Packing(
        values=table,
        title=f"Intra-sample entropy of layer {layer} at epoch {epoch}",
        unit="bits",
        group_title="class",
        item_title="channel",
        item_ids=table.channel.values.tolist(),
        low=0.0,
        high=float(table.max()),
        height=620,
        file=figures.file_name(run, "channels", layer, f"epoch{epoch}", "circles"),
    )


def bars(table: xr.DataArray, chosen: int | None) -> charts.Chart:
    """The circles of one group as bars [channel], the largest first."""
    frame: Any = table.rename("value").to_dataframe().reset_index()[["channel", "value"]]
    x = alt.X("channel:N", sort="-y", title="channel, the most entropy first", axis=alt.Axis(labelAngle=0))
    color = alt.condition(
        alt.datum.channel == (-1 if chosen is None else chosen), alt.value(PETROFF[6]), alt.value(PETROFF[0])
    )  # fmt: skip
    tips = [alt.Tooltip("channel:N"), alt.Tooltip("value:Q", title="bits", format=".3f")]
    drawn: alt.Chart = (
        alt.Chart(frame).mark_bar().encode(x=x, y=alt.Y("value:Q", title=UNIT), color=color, tooltip=tips)
    )
    return drawn.properties(height=260)
