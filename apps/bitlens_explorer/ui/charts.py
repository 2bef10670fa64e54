"""Charts over epochs and classes, in one style: units on the axes, and never a class by its colour alone."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import altair as alt
import streamlit as st
import xarray as xr

from bitlens_explorer.words import listed, plain

PETROFF = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
"""Ten colours that stay apart under colour-vision deficiency (Petroff 2021)."""
DASHES = [[1, 0], [6, 2], [2, 2], [8, 2, 2, 2]]
HEIGHT = 300

Chart = alt.Chart | alt.LayerChart | alt.FacetChart


def by_class(table: xr.DataArray, y_title: str, epoch: int) -> Chart:
    """A line for every class over epochs [epoch, class], broken where there is no value, with crosses in the gaps."""
    classes = [str(name) for name in table["class"].values]
    frame = table.rename("value").to_dataframe().reset_index()[["epoch", "class", "value"]]
    gaps = frame[frame["value"].isna()].assign(value=0.0, note="no value: see the text below")
    pick = alt.selection_point(fields=["class"], bind="legend", name="isolate")
    many = range(len(classes))
    legend = alt.Legend(symbolType="stroke", symbolSize=300, rowPadding=1, labelLimit=110, symbolLimit=0)
    color = alt.Color("class:N", title="class", sort=classes, legend=legend).scale(
        domain=classes, range=[PETROFF[i % len(PETROFF)] for i in many]
    )
    dash = alt.StrokeDash("class:N", title="class", sort=classes, legend=legend).scale(
        domain=classes, range=[DASHES[i % len(DASHES)] for i in many]
    )
    shown = alt.when(pick).then(alt.value(1.0)).otherwise(alt.value(0.1))
    value = alt.Y("value:Q", title=y_title)
    tips = [alt.Tooltip("class:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", title="bits", format=".3f")]
    base = alt.Chart(frame).encode(x=epoch_axis(table["epoch"].values.tolist()), y=value, opacity=shown)
    lines = base.mark_line(invalid="break-paths-filter-domains").encode(color=color, strokeDash=dash)
    points = base.transform_filter("isValid(datum.value)").mark_circle(size=24).encode(color=color, tooltip=tips)
    crosses = (
        alt.Chart(gaps[["epoch", "class", "value", "note"]])
        .mark_point(shape="cross", angle=45, size=60)
        .encode(x="epoch:Q", y="value:Q", color=color, opacity=shown, tooltip=["class:N", "epoch:Q", "note:N"])
    )
    layers = [lines, points, crosses, now(epoch)] if len(gaps) else [lines, points, now(epoch)]
    return alt.layer(*layers).add_params(pick).properties(height=HEIGHT)


def over_epochs(table: xr.DataArray, y_title: str, epoch: int, domain: Sequence[float] | None = None) -> Chart:
    """One line over epochs."""
    frame = table.rename("value").to_dataframe().reset_index()[["epoch", "value"]]
    scale = alt.Scale(domain=list(domain)) if domain else alt.Scale(zero=True)
    line = (
        alt.Chart(frame)
        .mark_line(point=True, color=PETROFF[0])
        .encode(
            x=epoch_axis(table["epoch"].values.tolist()),
            y=alt.Y("value:Q", title=y_title, scale=scale),
            tooltip=[alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", title=y_title, format=".4f")],
        )
    )
    return alt.layer(line, now(epoch)).properties(height=HEIGHT - 60)


def with_bounds(frame: Any, groups: list[str], y_title: str) -> Chart:
    """A bar for every group, with its upper bound as a tick; columns group, value, bound."""
    x = alt.X("group:N", sort=groups, title="samples of class", axis=alt.Axis(labelAngle=0, labelLimit=90))
    tips = [
        alt.Tooltip("group:N", title="samples"),
        alt.Tooltip("value:Q", title=y_title, format=".3f"),
        alt.Tooltip("bound:Q", title="upper bound (bits)", format=".3f"),
    ]
    base = alt.Chart(frame).encode(x=x, tooltip=tips)
    bars = base.mark_bar(color=PETROFF[0]).encode(y=alt.Y("value:Q", title=y_title))
    bounds = base.mark_tick(color=PETROFF[6], thickness=3).encode(y="bound:Q")
    return alt.layer(bars, bounds).properties(height=HEIGHT - 60)


def draw(chart: Chart, key: str, alt_text: str, *, alone: bool = True) -> None:
    """Put a chart onto the page; with a button for it as a picture, unless it is one of many."""
    st.altair_chart(chart, width="stretch", key=key, alt=alt_text)
    if not alone:
        return
    name = f"bitlens_{re.sub(r'[^A-Za-z0-9]+', '-', key)}.svg"
    st.download_button(
        "Download SVG", lambda: _svg(chart), name, "image/svg+xml", key=f"{key} svg", on_click="ignore", type="tertiary"
    )


def _svg(chart: Chart) -> str:
    file = io.StringIO()
    chart.properties(width=640).save(file, format="svg")
    return file.getvalue()


def gap_words(table: xr.DataArray, reason: str) -> str:
    """Where a table [epoch, class] has no values, in words; empty where it has all."""
    classes_at: dict[str, list[str]] = {}
    for name in table["class"].values:
        epochs = [int(e) for e in table["epoch"].values[table.sel({"class": name}).isnull().to_numpy()]]
        if epochs:
            classes_at.setdefault(listed(epochs), []).append(plain(name))
    parts = [f"{', '.join(names)} at epoch {epochs}" for epochs, names in classes_at.items()]
    return f" A cross marks a gap, {reason}: {'; '.join(parts)}." if parts else ""


def epoch_axis(epochs: list[int]) -> alt.X:
    """The axis of epochs, whole numbers alone."""
    whole = alt.Axis(tickMinStep=1, format="d")
    return alt.X("epoch:Q", title="epoch", axis=whole, scale=alt.Scale(domain=[min(epochs), max(epochs)], nice=False))


def now(epoch: int) -> alt.Chart:
    """Marks the epoch that is looked at."""
    rule = alt.Chart(alt.InlineData([{"epoch": epoch}])).mark_rule(color="#888888", strokeDash=[4, 4])
    marked: alt.Chart = rule.encode(x="epoch:Q")
    return marked
