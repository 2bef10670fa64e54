"""Charts of the training page: entropies by class, accuracy and loss, the diversity of the input."""

from __future__ import annotations

from typing import Any

import altair as alt
import xarray as xr

from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.ui.charts import DASHES, HEIGHT, PETROFF, Chart, cycle, epoch_axis, epoch_rule
from bitlens_explorer.ui.components.heatmap import HeatMap
from bitlens_explorer.ui.text import escape_markdown, number_ranges


def confusion_matrix(run: Run, counts: xr.DataArray, epoch: int) -> HeatMap:
    """The confusion matrix of an epoch."""
    return HeatMap(
        table=counts.transpose("label", "predicted"),
        title=f"Confusion matrix at epoch {epoch}",
        x_title="predicted",
        y_title="label",
        unit="samples",
        low=0.0,
        high=float(counts.max()),
        row_ids=range(counts.sizes["label"]),
        column_ids=range(counts.sizes["predicted"]),
        file=file_name(run, "training", "confusion", f"epoch{epoch}"),
        numbers=True,
        height=440,
    )


def by_class(table: Any, column: str, y_title: str, epoch: int) -> Chart:
    """A line for every class over epochs. It is broken where a value is missing; crosses mark these gaps."""
    frame = table[["epoch", "class"]].assign(value=table[column])
    classes = [str(name) for name in dict.fromkeys(frame["class"])]
    gaps = frame[frame["value"].isna()].assign(value=0.0, note="no value: see the text below")
    pick = alt.selection_point(fields=["class"], bind="legend", name="isolate")
    legend = alt.Legend(symbolType="stroke", symbolSize=300, rowPadding=1, labelLimit=110, symbolLimit=0)
    looks: dict[str, Any] = {"title": "class", "sort": classes, "legend": legend}
    color = alt.Color("class:N", **looks).scale(**cycle(classes, PETROFF))
    dash = alt.StrokeDash("class:N", **looks).scale(**cycle(classes, DASHES))
    shown = alt.when(pick).then(alt.value(1.0)).otherwise(alt.value(0.1))
    tips = [alt.Tooltip("class:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", title="bits", format=".3f")]
    x, y = epoch_axis(frame["epoch"].tolist()), alt.Y("value:Q", title=y_title)
    base = alt.Chart(frame).encode(x=x, y=y, opacity=shown)
    lines = base.mark_line(invalid="break-paths-filter-domains").encode(color=color, strokeDash=dash)
    points = base.transform_filter("isValid(datum.value)").mark_circle(size=24).encode(color=color, tooltip=tips)
    crosses = (
        alt.Chart(gaps[["epoch", "class", "value", "note"]])
        .mark_point(shape="cross", angle=45, size=60)
        .encode(x="epoch:Q", y="value:Q", color=color, opacity=shown, tooltip=["class:N", "epoch:Q", "note:N"])
    )
    layers = [lines, points, *([crosses] if len(gaps) else []), epoch_rule(epoch)]
    return alt.layer(*layers).add_params(pick).properties(height=HEIGHT)


def describe_gaps(table: Any, column: str, reason: str) -> str:
    """At which epochs a column has no values, by class; empty if it has all values."""
    classes_at: dict[str, list[str]] = {}
    for name, rows in table.groupby("class", sort=False):
        epochs = rows["epoch"][rows[column].isna()].tolist()
        if epochs:
            classes_at.setdefault(number_ranges(epochs), []).append(escape_markdown(name))
    parts = [f"{', '.join(names)} at epoch {epochs}" for epochs, names in classes_at.items()]
    return f" A cross marks a gap, {reason}: {'; '.join(parts)}." if parts else ""


def over_epochs(table: Any, column: str, y_title: str, epoch: int, domain: list[float] | None = None) -> Chart:
    """One line over epochs."""
    frame = table[["epoch"]].assign(value=table[column])
    scale = alt.Scale(domain=domain) if domain else alt.Scale(zero=True)
    line = (
        alt.Chart(frame)
        .mark_line(point=True, color=PETROFF[0])
        .encode(
            x=epoch_axis(frame["epoch"].tolist()),
            y=alt.Y("value:Q", title=y_title, scale=scale),
            tooltip=[alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", title=y_title, format=".4f")],
        )
    )
    return alt.layer(line, epoch_rule(epoch)).properties(height=HEIGHT - 60)


def diversity_bars(table: Any) -> Chart:
    """The diversity of each group of inputs as a bar, with its upper bound as a tick."""
    frame = table.rename(columns={"inter_sample_entropy": "value"})
    y_title = "inter-sample entropy (bits)"
    axis = alt.Axis(labelAngle=0, labelLimit=90)
    x = alt.X("group:N", sort=frame["group"].tolist(), title="samples of class", axis=axis)
    tips = [
        alt.Tooltip("group:N", title="samples"),
        alt.Tooltip("value:Q", title=y_title, format=".3f"),
        alt.Tooltip("bound:Q", title="upper bound (bits)", format=".3f"),
    ]
    base = alt.Chart(frame).encode(x=x, tooltip=tips)
    bars = base.mark_bar(color=PETROFF[0]).encode(y=alt.Y("value:Q", title=y_title))
    bounds = base.mark_tick(color=PETROFF[6], thickness=3).encode(y="bound:Q")
    return alt.layer(bars, bounds).properties(height=HEIGHT - 60)
