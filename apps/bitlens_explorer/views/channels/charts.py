"""Charts of the channels page: a line for every class, a map of epochs, circles, and bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import xarray as xr

from bitlens.runs import Run
from bitlens.tables import ALL_SAMPLES
from bitlens_explorer.results.export import file_name
from bitlens_explorer.ui.charts import DASHES, GREY, PETROFF, Chart, epoch_axis, epoch_rule
from bitlens_explorer.ui.components.circle_packing import Packing
from bitlens_explorer.ui.components.heatmap import HeatMap

_AREAS, _LARGEST_POWER = 6.0, 40.0
AXIS = "intra-sample entropy (bits)"


def channel_lines(table: Any, channel: int, epoch: int, axis: tuple[float, float], groups: Sequence[str]) -> Chart:
    """Entropies of one channel over epochs, a line for every group; all channels have the same axis."""
    frame = table[table["channel"] == channel].rename(columns={"intra_sample_entropy": "value"})
    domain: Any = {"domain": list(groups)}  # the types of Altair do not know lists of lists
    color = alt.Color("group:N", legend=None).scale(**domain, range=_colors(groups))
    dashes = [[1, 0], *(DASHES[i % len(DASHES)] for i in range(len(groups) - 1))]
    dash = alt.StrokeDash("group:N", legend=None).scale(**domain, range=dashes)
    tips = [alt.Tooltip("group:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", title="bits", format=".3f")]
    lines = (
        alt.Chart(frame[["epoch", "group", "value"]])
        .mark_line(point=alt.OverlayMarkDef(size=14))
        .encode(
            x=epoch_axis(frame["epoch"].tolist()),
            y=alt.Y("value:Q", title="bits", scale=alt.Scale(domain=list(axis), nice=False)),
            color=color,
            strokeDash=dash,
            tooltip=tips,
            strokeWidth=alt.condition(alt.datum.group == ALL_SAMPLES, alt.value(4), alt.value(1.5)),
        )
    )
    return alt.layer(lines, epoch_rule(epoch)).properties(height=150)


def legend(groups: Sequence[str]) -> Chart:
    """The colours of the groups, once for all channels."""
    rows = [{"group": name, "place": place} for place, name in enumerate(groups)]
    base = alt.Chart(alt.InlineData(rows)).encode(x=alt.X("place:O", axis=None, sort=None))
    color = alt.Color("group:N", legend=None).scale(domain=list(groups), range=_colors(groups))
    points = base.mark_square(size=120, yOffset=-8).encode(color=color)
    names = base.mark_text(dy=10, fontSize=13, limit=90, color="#7a7a7a").encode(text="group:N")
    return alt.layer(points, names).properties(height=44)


def _colors(groups: Sequence[str]) -> list[str]:
    return [GREY, *(PETROFF[i % len(PETROFF)] for i in range(len(groups) - 1))]


def epoch_map(run: Run, layer: str, results: xr.Dataset, scale: str) -> HeatMap:
    """All channels of a layer: a row for every channel, a column for every epoch."""
    table = results.intra_sample_entropy.transpose("channel", "epoch")
    return HeatMap(
        table=table,
        title=f"Intra-sample entropy of layer {layer}",
        x_title="epoch",
        y_title="channel",
        unit="bits",
        low=0.0 if scale == "zero" else float(table.min()),
        high=float(table.max()),
        row_ids=table.channel.values.tolist(),
        column_ids=table.epoch.values.tolist(),
        file=file_name(run, "channels", layer),
        height=max(240, min(460, 66 + 14 * table.sizes["channel"])),
    )


def circles(run: Run, layer: str, table: Any, epoch: int, scale: str) -> Packing:
    """Groups of samples as circles, with the channels as circles in them; the table is of one epoch."""
    groups, channels = list(dict.fromkeys(table["group"])), list(dict.fromkeys(table["channel"]))
    values = np.asarray(table["intra_sample_entropy"], float).reshape(len(groups), len(channels))
    return Packing(
        values=xr.DataArray(values, {"group": groups, "channel": channels}, ["group", "channel"]),
        title=f"Intra-sample entropy of layer {layer} at epoch {epoch}",
        unit="bits",
        group_title="class",
        item_title="channel",
        item_ids=channels,
        low=0.0 if scale == "zero" else float(np.nanmin(values)),
        high=float(np.nanmax(values)),
        power=1.0 if scale == "zero" else distinct_power(values),
        height=540,
        file=file_name(run, "channels", layer, f"epoch{epoch}", "circles"),
    )


def distinct_power(values: np.ndarray[Any, Any]) -> float:
    """The power of the values at which the largest circle has six times the area of the smallest one.

    CNNSlicer raises sizes to a power too, because entropies of channels differ little.
    """
    positive = values[values > 0]
    if not positive.size or positive.max() == positive.min():
        return 1.0
    return round(float(np.clip(np.log(_AREAS) / np.log(positive.max() / positive.min()), 1.0, _LARGEST_POWER)), 1)


def bars(table: Any, chosen: int | None) -> Chart:
    """The entropy of every channel as a bar, the largest first; the table is of one group and one epoch."""
    frame = table[["channel"]].assign(value=table["intra_sample_entropy"])
    x = alt.X("channel:N", sort="-y", title="channel, the largest entropy first", axis=alt.Axis(labelAngle=0))
    is_chosen = alt.datum.channel == (-1 if chosen is None else chosen)
    color = alt.condition(is_chosen, alt.value(PETROFF[6]), alt.value(PETROFF[0]))
    tips = [alt.Tooltip("channel:N"), alt.Tooltip("value:Q", title="bits", format=".3f")]
    y = alt.Y("value:Q", title=AXIS)
    drawn: alt.Chart = alt.Chart(frame).mark_bar().encode(x=x, y=y, color=color, tooltip=tips)
    return drawn.properties(height=260)
