"""Charts of the ablation page, and its table of counts.

Building a chart takes longer than drawing it, and another neuron changes one chart only. So charts are cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from bitlens_explorer.state.query import CURVES
from bitlens_explorer.ui import charts
from bitlens_explorer.ui.charts import DASHES, HEIGHT, PETROFF, Chart
from bitlens_explorer.ui.text import capitalized, escape_markdown
from bitlens_explorer.views.ablation.captions import ORDERS, ROLES, scope_name

COLORS = [PETROFF[0], PETROFF[6], PETROFF[5]]
COLUMNS = 2  # charts in a row
_FAINT = 0.08  # the opacity of lines that are not shown alone
_BAND = 0.3  # that of the range of the random orders


def draw_curves(table: Any, metric: str, scope: str, marks: Sequence[tuple[str, int]], alone: str) -> None:
    """A chart for every scope of a table of curves, all on one scale and with one key; `marks` are drawn in one scope.

    All orders but `alone` are faint, unless it is "all".
    """
    st.html(_key())
    scopes = list(dict.fromkeys(table["scope"]))
    top = 1.0 if metric == "accuracy" else 1.05 * float(table[f"{metric}_highest"].max())
    for first in range(0, len(scopes), COLUMNS):
        row = scopes[first : first + COLUMNS]
        for column, name in zip(st.columns(min(len(scopes), COLUMNS)), row, strict=False):
            with column:
                st.markdown(f"**{escape_markdown(capitalized(scope_name(name)))}**")
                frame = table[table["scope"] == name].assign(order=lambda rows: rows["order"].map(ORDERS))
                chart = curves(frame, metric, [0, top], tuple(marks) if name == scope else (), alone, legend=False)
                text = f"{metric} of {scope_name(name)} against neurons turned off; its numbers are in the table below"
                charts.draw(chart, f"{metric} {name}", text)


def _key() -> str:
    """The names of the lines with their looks, which wraps where it does not fit."""
    lines = zip(ORDERS.values(), COLORS, ("solid", "dashed", "dotted"), strict=True)
    looks = {name: f"border-top: 3px {line} {color}" for name, color, line in lines}
    looks["random (lowest to highest)"] = f"height: 12px; background: {COLORS[2]}; opacity: {_BAND}"
    spans = [
        f'<span><i style="display: inline-block; width: 30px; vertical-align: middle; {look}"></i> {name}</span>'
        for name, look in looks.items()
    ]
    return f'<div style="display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px">{"".join(spans)}</div>'


def draw_spread(table: Any, layers: Sequence[str], x_title: str) -> None:
    """Histograms of layers one below the other, with the same scales; columns layer, channel, bits."""
    for layer in layers:
        st.markdown(f"**Layer {escape_markdown(layer)}**")
        chart = spread(table, layer, x_title, titled=layer == layers[-1])
        text = f"how many neurons of layer {layer} have which {x_title}"
        charts.draw(chart, f"scores of {layer}", text)


def draw_roles(table: Any) -> None:
    """The counts of roles; it names the scopes that have none."""
    columns = {"": [escape_markdown(scope_name(str(scope))) for scope in table["scope"]]}
    counted = table["needed"].notna()
    for role, name in ROLES.items():
        columns[name] = [
            "not counted" if not known else "never" if pd.isna(number) else f"{number:.0f}"
            for known, number in zip(counted, table[role], strict=True)
        ]
    st.table(columns)


@st.cache_resource(max_entries=100, show_spinner=False)
def curves(
    frame: Any,
    metric: str,
    domain: Sequence[float],
    marks: Sequence[tuple[str, int]] = (),
    alone: str = "all",
    *,
    legend: bool = True,
) -> Chart:
    """A line for every order and the range of the random orders; `marks` are vertical lines, by order and removals.

    All orders but `alone` are faint, unless it is "all".
    """
    names, y_title = list(ORDERS.values()), CURVES[metric]
    drawn_legend = alt.Legend(
        orient="bottom", columns=1, symbolType="stroke", symbolSize=400, symbolStrokeWidth=2.5, title=None
    )
    looks: dict[str, Any] = {"sort": names, "legend": drawn_legend if legend else None}
    color = alt.Color("order:N", **looks).scale(domain=names, range=COLORS)
    dash = alt.StrokeDash("order:N", **looks).scale(domain=names, range=DASHES[:3])
    others = 1.0 if alone == "all" else _FAINT
    is_alone = alt.FieldEqualPredicate(field="order", equal=ORDERS.get(alone, ""))
    shown = alt.when(is_alone).then(alt.value(1.0)).otherwise(alt.value(others))
    band = _BAND * (1.0 if alone == "random" else others)
    x = alt.X("removed:Q", title="neurons turned off", axis=alt.Axis(tickMinStep=1, format="d"))
    x = x.scale(domain=[0, int(frame["removed"].max())], nice=False)
    y = alt.Y(f"{metric}:Q", title=y_title).scale(domain=list(domain), nice=False)
    tips = [
        alt.Tooltip("order:N"),
        alt.Tooltip("removed:Q", title="neurons turned off"),
        alt.Tooltip(f"{metric}:Q", title=y_title, format=".4f"),
    ]
    base = alt.Chart(frame).encode(x=x)
    random = base.transform_filter(alt.FieldEqualPredicate(field="order", equal=ORDERS["random"]))
    low, high = alt.Y(f"{metric}_lowest:Q", title=y_title), f"{metric}_highest:Q"
    lines = base.encode(y=y, color=color, opacity=shown)
    drawn = [
        random.mark_area(color=COLORS[2], opacity=band, clip=True).encode(y=low, y2=high),
        lines.mark_line(strokeWidth=2).encode(strokeDash=dash),
        lines.mark_point(filled=True, size=60).encode(opacity=alt.value(0), tooltip=tips),
    ]
    if marks:
        rows = [{"order": order, "neurons turned off": number} for order, number in marks]
        rule = alt.Chart(alt.InlineData(rows)).mark_rule(strokeWidth=1.5, strokeDash=[3, 3])
        drawn.append(rule.encode(x="neurons turned off:Q", color=color, tooltip=["order:N", "neurons turned off:Q"]))
    return alt.layer(*drawn).properties(height=240 if legend else 170)


@st.cache_resource(max_entries=100, show_spinner=False)
def spread(frame: Any, layer: str, x_title: str, *, titled: bool) -> Chart:
    """How many neurons of a layer have a score within each bin; columns layer, channel, bits.

    The other layers are drawn too, but invisible, so that all charts have the same scales.
    """
    top = max(float(frame["bits"].max()), 0.0)
    step = next((width for width in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if top <= 40 * width), 1.0)
    ends = [0.0, max(1, -int(-top // step)) * step]
    x = alt.X("bits:Q", bin=alt.Bin(step=step, extent=ends), title=x_title if titled else None)
    x = x.scale(domain=ends, nice=False).axis(alt.Axis(labels=titled, format=".2~f"))
    y = alt.Y("count():Q", title="neurons", axis=alt.Axis(tickMinStep=1, tickCount=3, minExtent=42), stack=None)
    base = alt.Chart(frame).encode(x=x, y=y, detail="layer:N")
    tips = [
        alt.Tooltip("bits:Q", bin=alt.Bin(step=step, extent=ends), title=x_title),
        alt.Tooltip("count():Q", title="neurons"),
    ]
    visible = (
        base.transform_filter(alt.FieldEqualPredicate(field="layer", equal=layer))
        .mark_bar(color=PETROFF[0], binSpacing=1)
        .encode(tooltip=tips)
    )
    return alt.layer(base.mark_bar(opacity=0), visible).properties(height=155 if titled else 115)


def class_bars(table: Any) -> Chart:
    """The mean activation of a neuron for every class."""
    frame = table.rename(columns={"mean_activation": "mean activation"})
    x = alt.X("class:N", sort=frame["class"].tolist(), title="class", axis=alt.Axis(labelAngle=0, labelLimit=90))
    y = alt.Y("mean activation:Q", title="mean activation")
    tips = [alt.Tooltip("class:N"), alt.Tooltip("mean activation:Q", format=".4g")]
    bars = alt.Chart(frame).mark_bar(color=PETROFF[0]).encode(x=x, y=y, tooltip=tips)
    drawn: alt.Chart = bars.properties(height=HEIGHT - 60)
    return drawn
