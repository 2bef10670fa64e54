"""What charts share: colours, axes of epochs, lines over epochs, and how a chart gets onto a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import altair as alt
import streamlit as st

PETROFF = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
"""Ten colours that stay distinct under colour-vision deficiency (Petroff 2021)."""
DASHES = [[1, 0], [6, 2], [2, 2], [8, 2, 2, 2]]
SHAPES = ["circle", "square", "cross", "diamond", "triangle-up", "triangle-down", "triangle-right", "triangle-left"]
HEIGHT = 300
GREY = "#888888"
ALARM = PETROFF[6]
ISOLATE = "Click a layer in the legend to see it alone."

Chart = alt.Chart | alt.LayerChart | alt.FacetChart


def cycle(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """A scale that gives each name one of the values, again from the first where there are more names."""
    return {"domain": list(names), "range": [values[i % len(values)] for i in range(len(names))]}


class _Unchecked:
    """A chart that Streamlit converts without a check against the schema of Vega-Lite, which takes most of the time."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def to_dict(self) -> dict[str, Any]:
        """The chart as Vega-Lite."""
        return self._chart.to_dict(validate=False)


def draw(chart: Chart, key: str, alt_text: str) -> None:
    """Put a chart onto the page."""
    unchecked: Any = _Unchecked(chart)  # `picture` checks the chart
    st.altair_chart(unchecked, width="stretch", key=key, alt=alt_text)


def picture(chart: Chart, ending: Literal["svg", "png"]) -> bytes:
    """A chart as a file, PNG at twice the size for print."""
    wide = chart.properties(width=640)
    if ending == "png":
        picture = io.BytesIO()
        wide.save(picture, format="png", scale_factor=2)
        return picture.getvalue()
    drawing = io.StringIO()
    wide.save(drawing, format="svg")
    return drawing.getvalue().encode()


def epoch_axis(epochs: Sequence[int]) -> alt.X:
    """The axis of epochs, with whole numbers only."""
    whole = alt.Axis(tickMinStep=1, format="d")
    return alt.X("epoch:Q", title="epoch", axis=whole, scale=alt.Scale(domain=[min(epochs), max(epochs)], nice=False))


def layer_axis(layers: Sequence[str], title: str) -> alt.X:
    """The axis of layers in their order, with all names."""
    return alt.X(
        "layer:N",
        sort=list(layers),
        title=title,
        axis=alt.Axis(labelAngle=-40, labelLimit=100, labelOverlap=False),
    )


def epoch_rule(epoch: int) -> alt.Chart:
    """A vertical line at the epoch that is shown."""
    rule = alt.Chart(alt.InlineData([{"epoch": epoch}])).mark_rule(color=GREY, strokeDash=[4, 4])
    marked: alt.Chart = rule.encode(x="epoch:Q")
    return marked


def series(of: str, names: Sequence[str]) -> tuple[alt.Parameter, Any, alt.Color, alt.Shape]:
    """A legend in which a click isolates a line, and what distinguishes lines: colour, and the shape of points."""
    pick = alt.selection_point(fields=[of], bind="legend", name="isolate")
    legend = alt.Legend(symbolSize=90, rowPadding=1, labelLimit=110, symbolLimit=0, columns=1 + len(names) // 16)
    looks: dict[str, Any] = {"title": of, "sort": list(names), "legend": legend}
    color = alt.Color(f"{of}:N", **looks).scale(**cycle(names, PETROFF))
    return pick, when(pick, 1.0), color, alt.Shape(f"{of}:N", **looks).scale(**cycle(names, SHAPES))


def when(pick: alt.Parameter, opacity: float) -> Any:
    """The opacity of lines that are not faded out by a click in the legend."""
    return alt.when(pick).then(alt.value(opacity)).otherwise(alt.value(0.06))


def tooltips(frame: Any) -> list[alt.Tooltip]:
    """All columns of a table; floating-point numbers with four digits."""
    numbers = {name for name in frame.columns if frame[name].dtype == float}
    return [alt.Tooltip(name, format=".4f") if name in numbers else alt.Tooltip(name) for name in frame.columns]


def legend_height(names: Sequence[str]) -> int:
    """Height of a chart whose legend is not cut off."""
    return max(HEIGHT, 28 * min(len(names), 16) + 70)


def lines(
    frame: Any,
    names: Sequence[str],
    column: str,
    y_title: str,
    epoch: int,
    rule: float | None = None,
    of: str = "layer",
) -> Chart:
    """A line over epochs for each of the names; dashed, the column "null COLUMN" where the table has it."""
    pick, shown, color, shape = series(of, names)
    x = epoch_axis(frame["epoch"].tolist())
    y = alt.Y(f"{column}:Q", title=y_title, axis=alt.Axis(tickMinStep=1) if of == "chain" else alt.Axis())
    y = y.scale(zero=of == "chain" or rule is not None)
    base = alt.Chart(frame).encode(x=x, y=y, color=color, opacity=shown, tooltip=tooltips(frame))
    drawn = [base.mark_line(strokeWidth=1.5), base.mark_point(filled=True, size=45).encode(shape=shape)]
    if f"null {column}" in frame:
        drawn.append(base.mark_line(strokeDash=[4, 3]).encode(y=f"null {column}:Q", opacity=when(pick, 0.55)))
    drawn.append(epoch_rule(epoch))
    if rule is not None:
        limit = alt.Chart(alt.InlineData([{column: rule}])).mark_rule(color=ALARM, strokeWidth=2)
        drawn.append(limit.encode(y=f"{column}:Q"))
    return alt.layer(*drawn).add_params(pick).properties(height=legend_height(names))
