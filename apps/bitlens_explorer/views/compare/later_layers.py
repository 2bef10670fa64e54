"""Layer A against all later layers (CNNSlicer, Fig. 10)."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bitlens.measures import layer_pair_information
from bitlens.runs import Run
from bitlens_explorer.results.known import known_sets, missing_tasks
from bitlens_explorer.state.query import Query
from bitlens_explorer.ui import charts, compute_button, figure_frame
from bitlens_explorer.ui.text import escape_markdown, show_hint
from bitlens_explorer.views.compare.captions import LATER
from bitlens_explorer.views.compare.charts import estimates_by_layer


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
    measured = {known.target[1] for known in known_sets(run, layer_pair_information, a, quiet=True)}
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
