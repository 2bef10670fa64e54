"""Figures of the report: the explorer's charts and heat maps as SVG, and tables as text."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from PIL import Image

from bitlens_explorer.ui.charts import Chart
from bitlens_explorer.ui.components.heatmap import HeatMap
from bitlens_explorer.ui.images import palette

WIDTH = 480
"""Width of the plot of a figure in CSS pixels."""
MOST_ROWS = 200
"""Longer tables are cut, and the report says so."""
MOST_CELLS = 65536
"""Heat maps with more cells are left out, and the report says so."""


@dataclass(frozen=True)
class Figure:
    """A figure with its caption, its parameters and its numbers."""

    title: str
    caption: str
    table: pd.DataFrame
    drawn: Chart | HeatMap | None = None
    settings: str = ""
    open: bool = False
    """Whether the table is shown without a click."""

    def svg(self, prefix: str) -> str:
        """The drawing as an SVG element; `prefix` keeps its ids apart from those of other figures."""
        if self.drawn is None or self.too_large:
            return ""
        chart = _cells(self.drawn) if isinstance(self.drawn, HeatMap) else self.drawn.properties(width=WIDTH)
        file = io.StringIO()
        chart.save(file, format="svg")
        svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", file.getvalue())
        return svg[svg.index("<svg") :]

    @property
    def too_large(self) -> bool:
        """Whether this is a heat map with too many cells."""
        return isinstance(self.drawn, HeatMap) and self.drawn.table.size > MOST_CELLS

    @property
    def wide(self) -> bool:
        """Whether the figure takes the whole width: a table without a drawing, or an open table of many columns."""
        return self.drawn is None or (self.open and self.table.shape[1] > 8)

    @property
    def cut(self) -> int:
        """The number of rows of the table that are left out."""
        return max(0, len(self.table) - MOST_ROWS)

    def rows(self) -> list[list[str]]:
        """The cells of the table as text."""
        return [[_cell(value) for value in row] for row in self.table.head(MOST_ROWS).itertuples(index=False)]

    def numeric(self) -> list[bool]:
        """Whether a column holds numbers, which are aligned to the right."""
        return [self.table[name].dtype.kind in "iuf" for name in self.table]


@dataclass
class Section:
    """Figures under one heading."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    text: str = ""


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    return str(value)


def _cells(heat_map: HeatMap) -> alt.LayerChart:
    """Draw the heat map of the explorer as a chart, with the same order, colours, range and titles.

    The cells are one image: a rectangle for each would make the file ten times as large.
    """
    values = heat_map.table.to_numpy().astype(float)
    rows, columns = values.shape
    high = heat_map.high if heat_map.high > heat_map.low else heat_map.low + 1.0
    side = max(2, min(36, WIDTH // max(values.shape)))
    size: Any = {"width": side * columns, "height": side * rows}
    x, y = (_places(heat_map.table[name].values) for name in reversed(heat_map.table.dims))
    across = alt.X("x:Q", title=heat_map.x_title, axis=x).scale(domain=[0, columns], nice=False)
    down = alt.Y("y:Q", title=heat_map.y_title, axis=y).scale(domain=[rows, 0], nice=False)
    image = alt.Chart(alt.InlineData([{"x": 0, "y": 0, "url": _image(values, heat_map.low, high, heat_map.palette)}]))
    look: Any = {"aspect": False, "smooth": False, "align": "left", "baseline": "top", "aria": False}
    drawn = [image.mark_image(**look, **size).encode(x=across, y=down, url="url:N")]
    colors = ["#{:02x}{:02x}{:02x}".format(*rgb) for rgb in palette(heat_map.palette)[::17]]
    legend = alt.Legend(title=[heat_map.unit, heat_map.bar_note], gradientLength=160)
    color = alt.Color("value:Q", legend=legend).scale(domain=[heat_map.low, high], range=colors)
    cells = [{"x": j + 0.5, "y": i + 0.5, "value": float(values[i, j])} for i, j in np.ndindex(rows, columns)]
    if heat_map.numbers and side >= 18:
        middle = heat_map.low + 0.6 * (high - heat_map.low)
        ink = alt.when(alt.datum.value > middle).then(alt.value("#222222")).otherwise(alt.value("#ffffff"))
        texts = alt.Chart(alt.InlineData(cells)).mark_text(fontSize=10, aria=False)
        drawn.append(texts.encode(x=across, y=down, text=alt.Text("value:Q", format=".4~g"), color=ink))
    scale = alt.Chart(alt.InlineData(cells[:1])).mark_point(opacity=0)  # only for its legend
    drawn.append(scale.encode(x=across, y=down, color=color))
    chart: alt.LayerChart = alt.layer(*drawn).properties(**size).resolve_scale(color="independent")
    return chart


def _places(names: Any) -> alt.Axis:
    """An axis of cells with the names of the rows or columns; not all of them if there are many."""
    step = -(-len(names) // 24)
    places = [i + 0.5 for i in range(0, len(names), step)]
    texts = json.dumps([str(name) for name in names])
    return alt.Axis(values=places, labelExpr=f"{texts}[floor(datum.value)]", grid=False, labelAngle=0, labelLimit=80)


def _image(values: np.ndarray[Any, Any], low: float, high: float, name: str) -> str:
    """The cells as the address of a PNG image with one pixel for each; those without a value are transparent."""
    finite = np.isfinite(values)
    scaled = np.clip((np.where(finite, values, low) - low) / (high - low), 0, 1)
    colors = palette(name)[(255 * scaled).round().astype(np.uint8)]
    pixels = np.concatenate([colors, np.where(finite, 255, 0)[..., None].astype(np.uint8)], axis=2)
    file = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
