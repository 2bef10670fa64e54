"""The training page's figures, made of results as the library gives them."""

from __future__ import annotations

from typing import Any

import streamlit as st
import xarray as xr

from bitlens.runs import Run
from bitlens_explorer import charts, figures
from bitlens_explorer.components.heatmap import HeatMap
from bitlens_explorer.words import plain


def metrics(run: Run, epoch: int, results: xr.Dataset | None) -> None:
    """The row of numbers at the top."""
    accuracy = "not measured" if results is None else f"{float(results.accuracy):.1%}"
    loss = "not measured" if results is None else f"{float(results.loss):.3f} bits"
    numbers: dict[str, str | int] = {
        "Epoch": epoch,
        "Accuracy": accuracy,
        "Loss": loss,
        "Samples": run.manifest.samples,
    }
    for column, (label, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(label, value)


def nearest(run: Run, epoch: int) -> str:
    """What to do at an epoch without activations: choose the closest with them."""
    close = sorted(run.epochs, key=lambda other: abs(other - epoch))[:2]
    if not close:
        return "record the network again; the activations of no epoch are there any more."
    return f"choose epoch {' or '.join(str(other) for other in sorted(close))}."


def confusion(run: Run, counts: xr.DataArray, epoch: int) -> HeatMap:
    """The confusion matrix of an epoch."""
    return HeatMap(
        table=counts.transpose("label", "predicted"),
        title=f"Confusion matrix at epoch {epoch}",
        x_title="predicted",
        y_title="label",
        unit="samples",
        low=0.0,
        high=float(counts.max()),
        row_ids=range(counts.sizes["label"]),
        column_ids=range(counts.sizes["predicted"]),
        file=figures.file_name(run, "training", "confusion", f"epoch{epoch}"),
        numbers=True,
        height=440,
    )


def input_diversity(run: Run, results: xr.Dataset) -> None:
    """Inter-sample entropy of all samples and of each class, with its bound."""
    k = results.attrs.get("k")
    frame = results.inter_sample_entropy.expand_dims({"group": ["all"]}).rename("value").to_dataframe()[["value"]]
    frame["bound"] = float(results.bound)
    groups = ["all"]
    words = ""
    if "class_inter_sample_entropy" in results:
        classes = results[["class_inter_sample_entropy", "class_bound"]].to_dataframe()
        classes.columns = ["value", "bound"]
        groups += [str(name) for name in classes.index]
        few = [plain(name) for name in classes.index[classes["value"].isna()]]
        words = f" No bar: class of {k} samples or fewer ({', '.join(few)})." if few else ""
        for name, row in classes.iterrows():
            frame.loc[f"{name} " if name == "all" else str(name)] = row
    drawn = frame.rename_axis("group").reset_index()
    unit = "inter-sample entropy (bits)"
    charts.draw(
        charts.with_bounds(drawn, groups, unit), "input diversity", "inter-sample entropy of the input by class"
    )
    meaning = f"How diverse the inputs are ({k} neighbours); the orange line is the most that so many samples can reach.{words}"
    name = figures.file_name(run, "training", "input-diversity", ending="csv")
    code = [
        f"results = bitlens.input_diversity(run, k={k})",
        "table = pandas.DataFrame({'value': [float(results.inter_sample_entropy)], 'bound': [float(results.bound)]}, ['all'])",
    ]
    if "class_inter_sample_entropy" in results:
        code += [
            "classes = results[['class_inter_sample_entropy', 'class_bound']].to_dataframe()",
            "table = pandas.concat([table, classes.set_axis(['value', 'bound'], axis=1)])",
        ]
    code.insert(0, "import pandas")
    figures.below(run, meaning, frame, "input diversity", name, {"k": k, "unit": "bits"}, code)


def layers(run: Run, epoch: int, results: xr.Dataset | None) -> None:
    """A row for every layer, with its inter-sample entropy over epochs."""
    rows: dict[str, list[object]] = {
        "layer": [layer.name for layer in run.layers],
        "kind": [layer.kind for layer in run.layers],
        "shape": [" x ".join(map(str, layer.shape)) for layer in run.layers],
    }
    settings: Any = {}
    meaning = "The recorded layers, from the input to the output; the shape is that of one sample."
    about: dict[str, object] = {}
    if results is not None:
        entropies = results.inter_sample_entropy
        now = f"at epoch {epoch} (bits)"
        if epoch in results.epoch:
            rows[now] = [float(entropies.sel(layer=name, epoch=epoch)) for name in rows["layer"]]
            settings[now] = st.column_config.NumberColumn(now, format="%.3f")
        rows["over epochs"] = [entropies.sel(layer=name).values.tolist() for name in rows["layer"]]
        settings["over epochs"] = st.column_config.LineChartColumn(
            "inter-sample entropy over epochs",
            y_min=float(entropies.min()),
            y_max=float(entropies.max()),
            width="large",
        )
        k = results.attrs.get("k")
        bound = float(results.bound.isel(epoch=-1)) if "epoch" in results.bound.dims else float(results.bound)
        meaning += f" Inter-sample entropy ({k} neighbours): how diverse the samples are in the layer, at most {bound:.2f} bits."
        about = {"k": k, "unit": "bits"}
    st.dataframe(rows, column_config=settings, hide_index=True, height="content", key="layers")
    st.markdown(meaning)
    if results is not None:
        entropies = results.inter_sample_entropy.transpose("layer", "epoch")
        name = figures.file_name(run, "training", "layers", ending="csv")
        figures.download(run, entropies.to_pandas, "layers", name, about)
