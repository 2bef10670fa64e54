"""The ablation page's charts, side by side or one below the other, and its table of counts.

To build a chart takes longer than to draw it, and a choice of another neuron changes but one of them: so they are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from bitlens_explorer import charts
from bitlens_explorer.ablation import BAND, ORDERS
from bitlens_explorer.charts import DASHES, HEIGHT, PETROFF, Chart
from bitlens_explorer.query import CURVES, NETWORK
from bitlens_explorer.words import plain

COLORS = [PETROFF[0], PETROFF[6], PETROFF[5]]
ACROSS = 3  # charts in a row


def scope_name(scope: str) -> str:
    """A scope in words."""
    return "the whole network" if scope == NETWORK else f"layer {scope}"


def draw_curves(frame: Any, metric: str, scope: str, marks: Sequence[tuple[str, int]]) -> None:
    """The scopes of a table of curves side by side, on one scale of accuracy or loss; marks in one of them."""
    scopes = list(dict.fromkeys(frame.index.get_level_values("scope")))
    top = 1.0 if metric == "accuracy" else 1.05 * float(frame.max().max())
    for first in range(0, len(scopes), ACROSS):
        for column, one in zip(st.columns(min(len(scopes), ACROSS)), scopes[first : first + ACROSS], strict=False):
            with column:
                st.markdown(f"**{plain(scope_name(one)[0].upper() + scope_name(one)[1:])}**")
                drawn = curves(frame.loc[one].reset_index(), CURVES[metric], [0, top], marks if one == scope else ())
                text = f"{metric} of {scope_name(one)} against neurons turned off; its numbers are in the table below"
                charts.draw(drawn, f"{metric} {one}", text)


def draw_spread(rows: Any, layers: Sequence[str], x_title: str) -> None:
    """Histograms of layers one below the other, on the same scales."""
    for layer in layers:
        st.markdown(f"**Layer {plain(layer)}**")
        chart = spread(rows, layer, x_title, titled=layer == layers[-1])
        charts.draw(chart, f"scores of {layer}", f"how many neurons of layer {layer} have which {x_title}", alone=False)


def draw_roles(frame: Any) -> None:
    """The counts, and where there are none."""
    columns = {"": [plain(scope_name(str(scope))) for scope in frame.index]}
    counted = frame["needed"].notna()
    for role in frame:
        columns[role] = [
            "not counted" if not known else "never" if pd.isna(x) else f"{x:.0f}"
            for known, x in zip(counted, frame[role], strict=True)
        ]
    st.table(columns)


def roles_words(frame: Any, tolerance: float) -> str:
    """The rule behind the counts, and where there are none."""
    share = f"{100 * tolerance:g} %"
    meaning = (
        f"With the accuracy without any neurons as 0 % and that with all as 100 %, and a tolerance of {share}: "
        f"**sufficient** is how many neurons are left, lowest first, as long as the accuracy stays within {share} of all; "
        f"**decisive** how many have to go, highest first, until it stays within {share} of none. By rank from the highest "
        "score on, neurons up to both numbers are **needed**; up to decisive alone, **redundant**; up to sufficient alone, "
        "**synergistic**; beyond both, **inactive**: these four add up to all. *Apart after* is after how many removals an "
        "order first leaves the range of the random ones."
    )
    if without := [scope_name(str(scope)) for scope in frame.index[frame["needed"].isna()]]:
        names = plain(", ".join(without))
        meaning += f"\n\nNot counted: {names}. There the network is no better than without its neurons."
    return meaning


@st.cache_resource(max_entries=100, show_spinner=False)
def curves(frame: Any, y_title: str, domain: Sequence[float], marks: Sequence[tuple[str, int]] = ()) -> Chart:
    """A line an order, and the range of the random ones; a rule where a neuron is turned off: its order, and after how many."""
    names = list(ORDERS.values())
    pick = alt.selection_point(fields=["order"], bind="legend", name="isolate")
    legend = alt.Legend(
        orient="bottom", columns=1, symbolType="stroke", symbolSize=400, symbolStrokeWidth=2.5, title=None
    )
    looks: dict[str, Any] = {"sort": names, "legend": legend}
    color = alt.Color("order:N", **looks).scale(domain=names, range=COLORS)
    dash = alt.StrokeDash("order:N", **looks).scale(domain=names, range=DASHES[:3])
    shown = alt.when(pick).then(alt.value(1.0)).otherwise(alt.value(0.08))
    x = alt.X("neurons turned off:Q", title="neurons turned off", axis=alt.Axis(tickMinStep=1, format="d"))
    x = x.scale(domain=[0, int(frame["neurons turned off"].max())], nice=False)
    y = alt.Y("value:Q", title=y_title).scale(domain=list(domain), nice=False)
    tips = [
        alt.Tooltip("order:N"),
        alt.Tooltip("neurons turned off:Q"),
        alt.Tooltip("value:Q", title=y_title, format=".4f"),
    ]
    base = alt.Chart(frame).encode(x=x)
    low, high = BAND
    band = base.mark_area(color=COLORS[2], opacity=0.3, clip=True)
    lines = base.transform_fold([*names], as_=["order", "value"]).encode(y=y, color=color, opacity=shown)
    drawn = [
        band.encode(y=alt.Y(f"{low}:Q", title=y_title), y2=f"{high}:Q"),
        lines.mark_line(strokeWidth=2).encode(strokeDash=dash).add_params(pick),  # which the band knows nothing of
        lines.mark_point(filled=True, size=60).encode(opacity=alt.value(0), tooltip=tips),
    ]
    if marks:
        rows = [{"order": order, "neurons turned off": number} for order, number in marks]
        rule = alt.Chart(alt.InlineData(rows)).mark_rule(strokeWidth=1.5, strokeDash=[3, 3])
        drawn.append(rule.encode(x="neurons turned off:Q", color=color, tooltip=["order:N", "neurons turned off:Q"]))
    return alt.layer(*drawn).properties(height=HEIGHT + 90)  # with the legend


@st.cache_resource(max_entries=100, show_spinner=False)
def spread(frame: Any, layer: str, x_title: str, *, titled: bool) -> Chart:
    """How many neurons of a layer have a score within each bin; columns layer, channel, bits.

    The other layers are drawn too, unseen, so that all have the same scales.
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
    own = (
        base.transform_filter(alt.FieldEqualPredicate(field="layer", equal=layer))
        .mark_bar(color=PETROFF[0], binSpacing=1)
        .encode(tooltip=tips)
    )
    return alt.layer(base.mark_bar(opacity=0), own).properties(height=155 if titled else 115)


def by_class(frame: Any, y_title: str) -> Chart:
    """A bar for every class."""
    classes = frame["class"].tolist()
    x = alt.X("class:N", sort=classes, title="class", axis=alt.Axis(labelAngle=0, labelLimit=90))
    y = alt.Y(f"{y_title}:Q", title=y_title)
    tips = [alt.Tooltip("class:N"), alt.Tooltip(f"{y_title}:Q", format=".4g")]
    bars = alt.Chart(frame).mark_bar(color=PETROFF[0]).encode(x=x, y=y, tooltip=tips)
    drawn: alt.Chart = bars.properties(height=HEIGHT - 60)
    return drawn
