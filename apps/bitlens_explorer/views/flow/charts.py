"""Charts of the information-flow page: paths through the information plane, and chains along the layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from bitlens_explorer.ui.charts import (
    ALARM,
    GREY,
    HEIGHT,
    PETROFF,
    Chart,
    layer_axis,
    legend_height,
    lines,
    series,
    tooltips,
    when,
)

MOST_POINTS = 30
"""Epochs that have points on a path; a browser needs seconds for the points of a hundred epochs."""
MOVE = "Drag to move, turn the wheel with Shift to zoom, double-click to reset."


def by_target(table: Any, columns: Mapping[str, str]) -> Any:
    """A row for every epoch and layer, with the columns of each target side by side, such as "null input".

    Parameters
    ----------
    table : pandas.DataFrame
        Rows by epoch, layer and about.
    columns : mapping
        Prefix of the new column, such as "null", to the column of the table. Columns that the table lacks are left out.
    """
    targets = list(dict.fromkeys(table["about"]))
    wide = table.pivot(index=["epoch", "layer"], columns="about")
    named = {
        f"{prefix} {about}".strip(): wide[name, about]
        for prefix, name in columns.items()
        if name in table
        for about in targets
    }
    return pd.DataFrame(named).reset_index()


def information(frame: Any, names: Sequence[str], epoch: int, bounds: Mapping[str, float]) -> Chart:
    """The information plane; for a run without inputs or labels, the information about the others over epochs."""
    if "labels" in frame and "input" in frame:
        return plane(frame, names, epoch, "information", bounds)
    about = "input" if "input" in frame else "labels"
    return lines(frame, names, about, f"I({about}; layer) (bits)", epoch)


def plane(frame: Any, names: Sequence[str], epoch: int, what: str, bounds: Mapping[str, float] | None = None) -> Chart:
    """A path for every layer through input and labels, with points that grow with the epoch, and that of its null."""
    pick, shown, color, shape = series("layer", names)
    epochs = sorted(set(frame["epoch"].tolist()))
    marked = [*epochs[: -1 : max(1, len(epochs) // 3)], epochs[-1]]
    legend = alt.Legend(values=marked, format="d", orient="bottom", symbolFillColor=GREY)
    every = -(-len(epochs) // MOST_POINTS)
    pointed = alt.FieldOneOfPredicate("epoch", sorted({*epochs[::every], epochs[-1]}))
    title = "epoch" if every == 1 else f"epoch (points: one in {every} epochs)"
    size = alt.Size("epoch:Q", title=title, legend=legend).scale(domain=[epochs[0], epochs[-1]], range=[20, 130])
    x = alt.X("input:Q").title(f"{what} about the input (bits)").scale(domain=_extent(frame, "input"), nice=False)
    y = alt.Y("labels:Q").title(f"{what} about the labels (bits)").scale(domain=_extent(frame, "labels"), nice=False)
    base = alt.Chart(frame).encode(x=x, y=y, color=color, opacity=shown, order="epoch:Q", tooltip=tooltips(frame))
    paths = [
        base.mark_line(strokeWidth=1.5),
        base.transform_filter(pointed).mark_point(filled=True).encode(shape=shape, size=size),
    ]
    chosen = base.transform_filter(alt.datum.epoch == epoch)
    paths.append(chosen.mark_point(size=330, strokeWidth=2.5).encode(shape=shape))
    if "null input" in frame and frame["null input"].notna().any():
        null = base.encode(x="null input:Q", y="null labels:Q", opacity=when(pick, 0.55))
        dots = null.transform_filter(pointed).mark_point(filled=True, size=14)
        paths += [null.mark_line(strokeDash=[4, 3], strokeWidth=1), dots]
    for about, value in (bounds or {}).items():
        rule = alt.Chart(alt.InlineData([{about: value, "bound": f"H({about}) = {value:.3f} bits"}]))
        axis = {"x" if about == "input" else "y": f"{about}:Q"}
        paths.append(rule.mark_rule(color=GREY, strokeDash=[8, 3], clip=True).encode(tooltip="bound:N", **axis))
    move = alt.selection_interval(bind="scales", zoom="wheel![event.shiftKey]", name="move")
    return alt.layer(*paths).add_params(pick, move).properties(height=legend_height(names) + 80)


def _extent(frame: Any, about: str) -> list[float]:
    """The range of an axis: that of the estimates and of their nulls. Limits that are far away would hide them."""
    values = frame[[name for name in (about, f"null {about}") if name in frame]].to_numpy(float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.05 * (high - low) or 0.05
    return [low - margin, high + margin]


def chain(table: Any, x_title: str, y_title: str) -> Chart:
    """Information along the layers with its null as a band of two standard deviations, and violations as triangles."""
    spread = 2 * table["null_std"]
    frame = table.assign(null_low=table["null_mean"] - spread, null_high=table["null_mean"] + spread)
    y = alt.Y("information:Q", title=y_title)
    base = alt.Chart(frame).encode(x=layer_axis(frame["layer"].tolist(), x_title), tooltip=tooltips(frame))
    violations = base.transform_filter(alt.datum.violation)
    return alt.layer(
        base.mark_area(color=GREY, opacity=0.35).encode(y=alt.Y("null_low:Q", title=y_title), y2="null_high:Q"),
        base.mark_line(color=GREY, strokeDash=[4, 3]).encode(y="null_mean:Q"),
        base.mark_line(color=PETROFF[0]).encode(y=y),
        base.mark_point(color=PETROFF[0], filled=True, size=45).encode(y=y),
        violations.mark_point(color=ALARM, shape="triangle-up", filled=True, size=190, opacity=1).encode(y=y),
    ).properties(height=HEIGHT)
