"""Layer A against all later layers: means of all runs, and the matrices of the open run (CNNSlicer, Fig. 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from bitlens.measures import layer_pair_information
from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import AnyKnown, described, known_sets, load, missing_tasks
from bitlens_explorer.state.query import Query
from bitlens_explorer.ui import charts, compute_button, figure_frame
from bitlens_explorer.ui.components import heatmap
from bitlens_explorer.ui.text import count, escape_markdown, show_hint
from bitlens_explorer.views.compare.captions import LATER, LATER_MATRICES
from bitlens_explorer.views.compare.charts import estimates_by_layer, later_matrices

ACROSS = 3
"""Matrices in a row."""


def show_later_layers(run: Run, query: Query, epoch: int, comparison: Any) -> None:
    """The mean excess of layer A with every later layer of all runs, and a button for what the open run lacks."""
    a = str(query.a)
    names = [layer.name for layer in run.layers]
    later = names[names.index(a) + 1 :]
    figure_frame.title(f"Layer {escape_markdown(a)} and all later layers")
    quantity = f"excess information with {a}, mean"
    if ((comparison["quantity"] == quantity) & comparison["value"].notna()).any():
        runs = list(dict.fromkeys(comparison["run"]))
        chart = estimates_by_layer(comparison, runs, quantity, later)
        charts.draw(chart, "later layers", f"{quantity}, by later layer, a point for every run")
        st.markdown(LATER)
    sets = [known for known in known_sets(run, layer_pair_information, a, quiet=True) if known.target[1] in later]
    _matrices(run, a, epoch, sets)
    measured = {known.target[1] for known in sets}
    unmeasured = [b for b in later if b not in measured]
    if not unmeasured:
        return
    listed = ", ".join(escape_markdown(b) for b in unmeasured)
    show_hint(f"In this run, layer {escape_markdown(a)} is not measured with: {listed}.", "press the button.")
    tasks = [
        task
        for b in unmeasured
        for task in missing_tasks(run, layer_pair_information, (a, b), None, None)
        if task.epoch == epoch
    ]
    compute_button.offer(run, f"{len(tasks)} pairs of layers at epoch {epoch}", "compute later layers", tasks)


def _matrices(run: Run, a: str, epoch: int, sets: Sequence[AnyKnown]) -> None:
    """The matrices of the pairs that have results with the same parameters as the first, in the order of the layers."""
    at_epoch = [known for known in sets if epoch in known.epochs]
    same = [known for known in at_epoch if described(known) == described(at_epoch[0])]
    found = {known.target[1]: load(run, known, [epoch]) for known in same}
    values = {
        b: results.value["excess"].isel(epoch=0, drop=True) for b, results in found.items() if results is not None
    }
    if not values:
        return
    figure_frame.title(f"Channels of layer {escape_markdown(a)} and of each later layer, epoch {epoch}")
    drawn = later_matrices(values, a, file_name(run, "compare", a, f"epoch{epoch}"))
    for first in range(0, len(drawn), ACROSS):
        for column, heat_map in zip(st.columns(ACROSS), drawn[first : first + ACROSS], strict=False):
            with column:
                st.markdown(f"**{escape_markdown(heat_map.title)}**")
                heatmap.show(heat_map, f"later {heat_map.title}")
    left_out = len({known.target[1] for known in sets}) - len(values)
    others = (
        f" {count(left_out, 'layer')} measured with other parameters or at other epochs not drawn." if left_out else ""
    )
    st.markdown(f"{LATER_MATRICES} {escape_markdown(described(same[0]).capitalize())}.{others}")
