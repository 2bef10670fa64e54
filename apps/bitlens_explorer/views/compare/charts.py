"""Charts of several runs: lines over the epochs, estimates by layer, and matrices with their difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import xarray as xr

from bitlens_explorer.ui.charts import (
    GREY,
    PETROFF,
    SHAPES,
    Chart,
    cycle,
    epoch_axis,
    layer_axis,
    legend_height,
    series,
    tooltips,
)
from bitlens_explorer.ui.components.heatmap import HeatMap

RUN_COLORS = [PETROFF[0], PETROFF[6], PETROFF[4], PETROFF[8]]
"""Four colours that stay distinct for all readers, also where they lie over each other."""
_LEGEND = alt.Legend(orient="top", labelLimit=160, columns=2)  # on the right it would take half of the width


def _height(names: Sequence[str]) -> int:
    """Height of a chart whose legend has two names in a row, so that the title of its axis is not cut."""
    return 240 + 30 * ((len(names) - 1) // 2)


def metric_over_epochs(table: Any, names: Sequence[str], column: str, y_title: str) -> Chart:
    """A line over the epochs for every run; columns run, epoch and the metric."""
    pick, shown, _, shapes = series("run", names)
    color = alt.Color("run:N", title=None, sort=list(names), legend=_LEGEND).scale(**cycle(names, RUN_COLORS))
    frame = table[["run", "epoch", column]].dropna()
    y = alt.Y(f"{column}:Q", title=y_title).scale(domain=[0, 1] if column == "accuracy" else alt.Undefined)
    base = alt.Chart(frame).encode(x=epoch_axis(frame["epoch"].tolist()), y=y, color=color, opacity=shown)
    lines = base.mark_line(strokeWidth=2)
    points = base.mark_point(filled=True, size=45).encode(shape=shapes.legend(None), tooltip=tooltips(frame))
    return alt.layer(lines, points).add_params(pick).properties(height=_height(names))


def estimates_by_layer(comparison: Any, names: Sequence[str], quantity: str, layers: Sequence[str]) -> Chart:
    """A point for every layer and run with plus and minus one standard error; rows of `tables.run_comparison`."""
    columns = ["layer", "run", "value", "standard_error", "verdict", "difference", "outcome"]
    rows = comparison[comparison["quantity"] == quantity].dropna(subset=["value"])
    unit = rows["unit"].iloc[0]
    frame = rows[columns].assign(
        low=rows["value"] - rows["standard_error"].fillna(0), high=rows["value"] + rows["standard_error"].fillna(0)
    )
    present = [name for name in layers if name in set(frame["layer"])]
    offset = alt.XOffset("run:N", sort=list(names))
    color = alt.Color("run:N", title=None, sort=list(names), legend=_LEGEND).scale(**cycle(names, RUN_COLORS))
    shape = alt.Shape("run:N", title=None, sort=list(names), legend=_LEGEND).scale(**cycle(names, SHAPES))
    base = alt.Chart(frame).encode(x=layer_axis(present, "layer"), xOffset=offset, color=color)
    y = alt.Y("value:Q", title=f"{quantity} ({unit})").scale(zero=bool(frame["low"].min() < 0.3 * frame["high"].max()))
    points = base.mark_point(filled=True, size=55, opacity=1).encode(y=y, shape=shape, tooltip=tooltips(frame))
    errors = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title=f"{quantity} ({unit})"), y2="high:Q")
    zero = alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(color=GREY).encode(y="zero:Q")
    drawn = [errors, points, *([zero] if frame["low"].min() < 0 else [])]
    return alt.layer(*drawn).properties(height=legend_height(names))


def diversity_by_run(table: Any, names: Sequence[str]) -> Chart:
    """A bar for every group of inputs and run, with its largest possible value as a tick."""
    groups = list(dict.fromkeys(table["group"]))
    frame = table[["group", "run", "inter_sample_entropy", "bound"]].rename(columns={"inter_sample_entropy": "value"})
    x = alt.X("group:N", sort=groups, title="samples of class", axis=alt.Axis(labelAngle=0, labelLimit=90))
    color = alt.Color("run:N", title=None, sort=list(names), legend=_LEGEND).scale(**cycle(names, RUN_COLORS))
    offset = alt.XOffset("run:N", sort=list(names))
    base = alt.Chart(frame).encode(x=x, xOffset=offset, tooltip=tooltips(frame))
    bars = base.mark_bar().encode(y=alt.Y("value:Q", title="inter-sample entropy (bits)"), color=color)
    bounds = base.mark_tick(color=GREY, thickness=2).encode(y="bound:Q")
    return alt.layer(bars, bounds).properties(height=_height(names))


def _color_range(tables: Iterable[xr.DataArray]) -> tuple[float, float]:
    """The smallest and the largest value; tables without a value, such as those of dead layers, have no say."""
    ends = [float(end) for table in tables for end in (table.min(), table.max()) if end.notnull()]
    return (min(ends), max(ends)) if ends else (0.0, 0.0)


def later_matrices(tables: Mapping[str, xr.DataArray], a: str, file: str) -> list[HeatMap]:
    """The matrices of layer A, along the columns, with other layers by name, with one colour range for all."""
    low, high = _color_range(tables.values())
    return [
        HeatMap(
            table=table.transpose("channel_b", "channel_a"),
            title=f"{a} and {b}",
            x_title=f"channel of layer {a}",
            y_title=f"channel of layer {b}",
            unit="bits",
            low=low,
            high=high,
            row_ids=table.channel_b.values.tolist(),
            column_ids=table.channel_a.values.tolist(),
            file=f"{file}_{b}",
            height=280,
        )
        for b, table in tables.items()
    ]


def pair_difference(tables: Sequence[xr.DataArray], titles: Sequence[str], file: str) -> list[HeatMap]:
    """The matrices of two runs with one colour range, and the second minus the first, centred on 0."""
    first, second = (table.transpose("channel_b", "channel_a") for table in tables)
    low, high = _color_range([first, second])
    difference = second - first
    most = max(map(abs, _color_range([difference]))) or 1.0
    ranges = [(first, low, high), (second, low, high), (difference, -most, most)]
    return [
        HeatMap(
            table=table,
            title=title,
            x_title="channel of layer A",
            y_title="channel of layer B",
            unit="bits",
            low=bottom,
            high=top,
            row_ids=table.channel_b.values.tolist(),
            column_ids=table.channel_a.values.tolist(),
            file=f"{file}_{number}",
            palette="RdBu_r" if number == 2 else "viridis",
            bar_note="red: more in the second run" if number == 2 else "brighter is more",
            height=320,
        )
        for number, (title, (table, bottom, top)) in enumerate(zip(titles, ranges, strict=True))
    ]
