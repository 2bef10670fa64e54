"""The list of layers on the training page, with their diversity over epochs."""

from __future__ import annotations

from typing import Any

import streamlit as st

from bitlens import tables
from bitlens.measures import layer_diversity
from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import AnyKnown, describe, known_sets, load, missing_tasks
from bitlens_explorer.results.traced import Traced
from bitlens_explorer.ui import compute_button, figure_frame
from bitlens_explorer.ui.text import count, escape_markdown, show_hint


def show_layers(run: Run, epoch: int) -> None:
    """A row for every layer, and a button for what is not measured."""
    figure_frame.title("Layers")
    known = next(iter(known_sets(run, layer_diversity)), None)
    results = load(run, known)
    _table(run, epoch, known, results)
    if tasks := missing_tasks(run, layer_diversity, (), known, results):
        epochs = count(len(tasks), "epoch")
        show_hint(f"The diversity of the layers is not measured at {epochs}.", "press the button.")
        compute_button.offer(run, f"layer diversity of {epochs}", "compute layers", tasks)


def _remarks(layer: Any, samples: int) -> str:
    """Coinciding samples and ties of a layer; an empty text for a layer without any."""
    parts = []
    if layer["distinct"] < samples:
        parts.append(f"{int(layer['distinct'])} of {samples} samples are distinct")
    if layer["tied"] > 0:
        parts.append(f"{int(layer['tied'])} samples have ties at rank k")
    return "; ".join(parts)


def _table(run: Run, epoch: int, known: AnyKnown | None, results: Traced | None) -> None:
    axes = tables.layer_axes(run.layers)
    rows: dict[str, list[Any]] = axes[["layer", "kind", "shape"]].to_dict("list")
    rows["channel axis"], rows["found by"] = axes["channel_axis"].tolist(), axes["decided"].tolist()
    meaning = (
        "The recorded layers, from the input to the output. The shape is that of one sample, with the channels first. "
        "The channel axis is that of the tensor in the model, with how it was found."
    )
    if known is None or results is None:
        st.dataframe(rows, hide_index=True, height="content", key="layers")
        st.markdown(meaning)
        return
    table = tables.layer_diversity(results.value)
    columns: Any = {}
    by_layer = {name: part.set_index("epoch")["inter_sample_entropy"] for name, part in table.groupby("layer")}
    now, history = f"at epoch {epoch} (bits)", "over epochs"
    if epoch in table["epoch"].tolist():
        at_epoch = table[table["epoch"] == epoch].set_index("layer")
        entropies = at_epoch[["inter_sample_entropy", "standard_error"]].astype(float)
        rows[now] = [
            tables.estimate(entropies.loc[name].iloc[0], entropies.loc[name].iloc[1]) for name in rows["layer"]
        ]
        rows["diversity"] = [float(at_epoch.loc[name, "diversity"]) for name in rows["layer"]]
        columns["diversity"] = st.column_config.NumberColumn("diversity", format="%.3f")
        rows["remarks"] = [_remarks(at_epoch.loc[name], run.manifest.samples) for name in rows["layer"]]
    rows[history] = [by_layer[name].tolist() for name in rows["layer"]]
    columns[history] = st.column_config.LineChartColumn(
        "inter-sample entropy over epochs",
        y_min=float(table["inter_sample_entropy"].min()),
        y_max=float(table["inter_sample_entropy"].max()),
        width="large",
    )
    settings = describe(known.parameters)
    meaning += (
        f" The inter-sample entropy ({escape_markdown(settings)}) is at most {table['bound'].iloc[-1]:.2f} bits; ± is "
        "its standard error. It is also large where samples coincide. The diversity is 0 for a dead layer and 1 for "
        "white noise."
    )
    st.dataframe(rows, column_config=columns, hide_index=True, height="content", key="layers")
    st.markdown(meaning)
    file = file_name(run, "training", "layers", ending="csv")
    figure_frame.download(run, lambda: table, "layers", file, {"settings": settings, "unit": "bits"})
