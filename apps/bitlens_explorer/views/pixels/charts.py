"""The pixels page's curves over layers."""

from __future__ import annotations

from typing import Any

import altair as alt

from bitlens_explorer.charts import HEIGHT, PETROFF, Chart

ALARM = PETROFF[6]


def by_layer(frame: Any, y_title: str) -> Chart:
    """Means of images by layer with their standard deviation; triangles where an image has not converged."""
    layers = frame["layer"].tolist()
    frame = frame.assign(low=frame["mean"] - frame["std"], high=frame["mean"] + frame["std"])
    x = alt.X("layer:N", sort=layers, title="layer, from the input on")
    x = x.axis(alt.Axis(labelAngle=-40, labelLimit=100, labelOverlap=False))
    y = alt.Y("mean:Q", title=y_title).scale(zero=False)
    tips = [alt.Tooltip("layer:N")]
    tips += [alt.Tooltip(f"{name}:Q", format=".4f") for name in ("mean", "std")]
    tips += [alt.Tooltip(f"{name}:Q") for name in ("count", "not converged") if name in frame]
    base = alt.Chart(frame).encode(x=x, tooltip=tips)
    bars = base.transform_filter("isValid(datum.std)").mark_rule(color=PETROFF[0], strokeWidth=3, opacity=0.5)
    drawn = [
        bars.encode(y=alt.Y("low:Q", title=y_title).scale(zero=False), y2="high:Q"),
        base.mark_line(color=PETROFF[0]).encode(y=y),
        base.mark_point(color=PETROFF[0], filled=True, size=45, opacity=1).encode(y=y),
    ]
    if "not converged" in frame:
        found = base.transform_filter("datum['not converged'] > 0")
        drawn.append(found.mark_point(color=ALARM, shape="triangle-up", filled=True, size=150, opacity=1).encode(y=y))
    return alt.layer(*drawn).properties(height=HEIGHT)
