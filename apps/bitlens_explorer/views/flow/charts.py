"""The information-flow page's charts: paths through the plane, lines over epochs, chains along layers; never by colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from bitlens_explorer.charts import HEIGHT, PETROFF, Chart, epoch_axis, now

SHAPES = ["circle", "square", "cross", "diamond", "triangle-up", "triangle-down", "triangle-right", "triangle-left"]
GREY = "#888888"
ALARM = PETROFF[6]
MOVE = "Drag to move, turn the wheel with Shift to zoom, double-click to go back."


def information(frame: Any, names: Sequence[str], epoch: int, bounds: Mapping[str, float]) -> Chart:
    """The information plane; without labels, information about the input over epochs."""
    if "labels" in frame:
        return plane(frame, names, epoch, "information", bounds)
    return lines(frame, names, "input", "I(input; layer) (bits)", epoch)


def plane(frame: Any, names: Sequence[str], epoch: int, what: str, bounds: Mapping[str, float] | None = None) -> Chart:
    """A path a layer through input and labels, with points that grow with the epoch, and that of its null."""
    pick, shown, color, shape = _series("layer", names)
    steps = sorted(set(frame["epoch"].tolist()))
    legend = alt.Legend(
        values=[*steps[: -1 : max(1, len(steps) // 3)], steps[-1]], format="d", orient="bottom", symbolFillColor=GREY
    )
    size = alt.Size("epoch:Q", legend=legend).scale(domain=[steps[0], steps[-1]], range=[20, 130])
    x, y = (alt.X("input:Q"), alt.Y("labels:Q"))
    x = x.title(f"{what} about the input (bits)").scale(zero=False)
    y = y.title(f"{what} about the labels (bits)").scale(zero=False)
    base = alt.Chart(frame).encode(x=x, y=y, color=color, opacity=shown, order="epoch:Q", tooltip=_tips(frame))
    paths = [base.mark_line(strokeWidth=1.5), base.mark_point(filled=True).encode(shape=shape, size=size)]
    chosen = base.transform_filter(alt.datum.epoch == epoch)
    paths.append(chosen.mark_point(size=330, strokeWidth=2.5).encode(shape=shape))
    if "null input" in frame:
        null = base.encode(x="null input:Q", y="null labels:Q", opacity=_when(pick, 0.55))
        paths += [null.mark_line(strokeDash=[4, 3], strokeWidth=1), null.mark_point(filled=True, size=14)]
    for about, value in (bounds or {}).items():
        rule = alt.Chart(alt.InlineData([{about: value, "bound": f"H({about}) = {value:.3f} bits"}]))
        along = {"x" if about == "input" else "y": f"{about}:Q"}
        paths.append(rule.mark_rule(color=GREY, strokeDash=[8, 3]).encode(tooltip="bound:N", **along))
    move = alt.selection_interval(bind="scales", zoom="wheel![event.shiftKey]", name="move")
    return alt.layer(*paths).add_params(pick, move).properties(height=_height(names) + 180)


def lines(
    frame: Any,
    names: Sequence[str],
    column: str,
    y_title: str,
    epoch: int,
    rule: float | None = None,
    of: str = "layer",
) -> Chart:
    """A line over epochs for each of the names, and that of its null where the table has one."""
    pick, shown, color, shape = _series(of, names)
    x = epoch_axis(frame["epoch"].tolist())
    y = alt.Y(f"{column}:Q", title=y_title, axis=alt.Axis(tickMinStep=1) if of == "chain" else alt.Axis())
    y = y.scale(zero=of == "chain" or rule is not None)
    base = alt.Chart(frame).encode(x=x, y=y, color=color, opacity=shown, tooltip=_tips(frame))
    drawn = [base.mark_line(strokeWidth=1.5), base.mark_point(filled=True, size=45).encode(shape=shape)]
    if f"null {column}" in frame:
        drawn.append(base.mark_line(strokeDash=[4, 3]).encode(y=f"null {column}:Q", opacity=_when(pick, 0.55)))
    drawn.append(now(epoch))
    if rule is not None:
        limit = alt.Chart(alt.InlineData([{column: rule}])).mark_rule(color=ALARM, strokeWidth=2)
        drawn.append(limit.encode(y=f"{column}:Q"))
    return alt.layer(*drawn).add_params(pick).properties(height=_height(names))


def along(frame: Any, x_title: str, y_title: str) -> Chart:
    """A chain of layers with its null as a band, and the violations marked."""
    layers = frame["layer"].tolist()
    x = alt.X("layer:N", sort=layers, title=x_title, axis=alt.Axis(labelAngle=-40, labelLimit=100, labelOverlap=False))
    y = alt.Y("bits:Q", title=y_title)
    base = alt.Chart(frame).encode(x=x, tooltip=_tips(frame))
    found = base.transform_filter(alt.datum.violation)
    return alt.layer(
        base.mark_area(color=GREY, opacity=0.35).encode(y=alt.Y("null low:Q", title=y_title), y2="null high:Q"),
        base.mark_line(color=GREY, strokeDash=[4, 3]).encode(y="null:Q"),
        base.mark_line(color=PETROFF[0]).encode(y=y),
        base.mark_point(color=PETROFF[0], filled=True, size=45).encode(y=y),
        found.mark_point(color=ALARM, shape="triangle-up", filled=True, size=190, opacity=1).encode(y=y),
    ).properties(height=HEIGHT)


def _series(of: str, names: Sequence[str]) -> tuple[alt.Parameter, Any, alt.Color, alt.Shape]:
    """Click-to-isolate, and what tells lines apart: colour, and as a second way the shape of points."""
    pick = alt.selection_point(fields=[of], bind="legend", name="isolate")
    legend = alt.Legend(symbolSize=90, rowPadding=1, labelLimit=110, symbolLimit=0, columns=1 + len(names) // 16)
    looks: dict[str, Any] = {"title": of, "sort": list(names), "legend": legend}

    def cycle(choices: Sequence[str]) -> dict[str, Any]:
        return {"domain": list(names), "range": [choices[i % len(choices)] for i in range(len(names))]}

    color, shape = alt.Color(f"{of}:N", **looks), alt.Shape(f"{of}:N", **looks)
    return pick, _when(pick, 1.0), color.scale(**cycle(PETROFF)), shape.scale(**cycle(SHAPES))


def _height(names: Sequence[str]) -> int:
    """Room for the legend, which would be cut off."""
    return max(HEIGHT, 28 * min(len(names), 16) + 70)


def _when(pick: alt.Parameter, opacity: float) -> Any:
    return alt.when(pick).then(alt.value(opacity)).otherwise(alt.value(0.06))


def _tips(frame: Any) -> list[alt.Tooltip]:
    """All columns; those of numbers with their digits."""
    numbers = {name for name in frame.columns if frame[name].dtype == float}
    return [alt.Tooltip(name, format=".4f") if name in numbers else alt.Tooltip(name) for name in frame.columns]
