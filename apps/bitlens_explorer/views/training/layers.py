"""The list of layers on the training page, with their diversity over epochs."""

from __future__ import annotations

from typing import Any

import streamlit as st
import xarray as xr

import bitlens
from bitlens import tables
from bitlens.runs import Run
from bitlens_explorer.results import training
from bitlens_explorer.results.export import file_name
from bitlens_explorer.ui import compute_button, figure_frame
from bitlens_explorer.ui.text import count, show_hint


def show_layers(run: Run, epoch: int) -> None:
    """A row for every layer, and a button for what is not measured."""
    figure_frame.title("Layers")
    results = training.layer_diversity(run)
    _table(run, epoch, results)
    measured = [] if results is None else results.epoch.values.tolist()
    missing = [e for e in run.epochs if e not in measured]
    if missing:
        what = f"The diversity of the layers is not measured at {count(len(missing), 'epoch')}."
        show_hint(what, "press the button.")
        k = training.USUAL_NEIGHBORS if results is None else int(results.attrs.get("k", training.USUAL_NEIGHBORS))
        steps = [(f"epoch {e}", lambda e=e: bitlens.layer_diversity(run, k, epochs=[e])) for e in missing]
        compute_button.offer(f"layer diversity of {count(len(missing), 'epoch')}", "compute layers", steps)


def _table(run: Run, epoch: int, results: xr.Dataset | None) -> None:
    rows: dict[str, list[Any]] = {
        "layer": [layer.name for layer in run.layers],
        "kind": [layer.kind for layer in run.layers],
        "shape": [" x ".join(map(str, layer.shape)) for layer in run.layers],
    }
    meaning = "The recorded layers, from the input to the output. The shape is that of one sample."
    if results is None:
        st.dataframe(rows, hide_index=True, height="content", key="layers")
        st.markdown(meaning)
        return
    table = tables.layer_diversity(results)
    columns: Any = {}
    by_layer = {name: part.set_index("epoch")["inter_sample_entropy"] for name, part in table.groupby("layer")}
    now, history = f"at epoch {epoch} (bits)", "over epochs"
    if epoch in results.epoch:
        rows[now] = [float(by_layer[name][epoch]) for name in rows["layer"]]
        columns[now] = st.column_config.NumberColumn(now, format="%.3f")
    rows[history] = [by_layer[name].tolist() for name in rows["layer"]]
    columns[history] = st.column_config.LineChartColumn(
        "inter-sample entropy over epochs",
        y_min=float(table["inter_sample_entropy"].min()),
        y_max=float(table["inter_sample_entropy"].max()),
        width="large",
    )
    k = results.attrs.get("k")
    meaning += (
        f" The inter-sample entropy ({k} neighbours) is the diversity of the samples in the layer; it is at most "
        f"{table['bound'].iloc[-1]:.2f} bits."
    )
    st.dataframe(rows, column_config=columns, hide_index=True, height="content", key="layers")
    st.markdown(meaning)
    file = file_name(run, "training", "layers", ending="csv")
    figure_frame.download(run, lambda: table, "layers", file, {"k": k, "unit": "bits"})
