"""The chart of the pixels page: a quantity over layers."""

from __future__ import annotations

from typing import Any

import altair as alt

from bitlens_explorer.ui.charts import ALARM, HEIGHT, PETROFF, Chart, layer_axis


def over_layers(table: Any, y_title: str) -> Chart:
    """Means over images by layer, with their standard deviation; triangles where an image has not converged."""
    frame = table.assign(low=table["mean"] - table["std"], high=table["mean"] + table["std"])
    x = layer_axis(frame["layer"].tolist(), "layer, from the input on")
    y = alt.Y("mean:Q", title=y_title).scale(zero=False)
    tips = [alt.Tooltip("layer:N"), *(alt.Tooltip(f"{name}:Q", format=".4f") for name in ("mean", "std"))]
    tips += [alt.Tooltip(f"{name}:Q") for name in ("images", "not_converged") if name in frame]
    base = alt.Chart(frame).encode(x=x, tooltip=tips)
    bars = base.transform_filter("isValid(datum.std)").mark_rule(color=PETROFF[0], strokeWidth=3, opacity=0.5)
    drawn = [
        bars.encode(y=alt.Y("low:Q", title=y_title).scale(zero=False), y2="high:Q"),
        base.mark_line(color=PETROFF[0]).encode(y=y),
        base.mark_point(color=PETROFF[0], filled=True, size=45, opacity=1).encode(y=y),
    ]
    if "not_converged" in frame:
        rough = base.transform_filter("datum.not_converged > 0")
        drawn.append(rough.mark_point(color=ALARM, shape="triangle-up", filled=True, size=150, opacity=1).encode(y=y))
    return alt.layer(*drawn).properties(height=HEIGHT)
