"""The training page (CNNSlicer, section 5.1): how good the predictions are, how certain, and how diverse the input."""

from __future__ import annotations

import streamlit as st
import xarray as xr

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer import charts, compute, figures, pictures, recorded, tables
from bitlens_explorer import query as queries
from bitlens_explorer.components import heatmap
from bitlens_explorer.context import context
from bitlens_explorer.query import Query
from bitlens_explorer.words import count, plain, say

SHOWN = 12


def main() -> None:
    """The page."""
    run, query, epoch = context()
    st.title("Training", anchor=False)
    results = recorded.performance(run)
    at_epoch = None if results is None or epoch not in results.epoch else results.sel(epoch=epoch)
    tables.metrics(run, epoch, at_epoch)
    if run.labels is None:
        say("This run was recorded without labels, so there is no confusion matrix.", "record it with labels.")
    else:
        _predictions(run, query, epoch, at_epoch)
        if results is not None:
            _uncertainty(run, epoch, results)
            _progress(run, epoch, results)
    _diversity(run)
    _layers(run, epoch)


def _predictions(run: Run, query: Query, epoch: int, results: xr.Dataset | None) -> None:
    wide, narrow = st.columns([3, 2], gap="large")
    with wide:
        figures.title("Confusion matrix")
        if results is None:
            say(f"Epoch {epoch} has not been measured.", "press the button; it takes seconds.")
            todo = [e for e in run.epochs if e not in run.results.epochs("training_performance", {})]
            steps = [(f"epoch {e}", lambda e=e: bitlens.training_performance(run, epochs=[e])) for e in todo]
            compute.offer(f"training performance of {count(len(todo), 'epoch')}", "compute training", steps)
            return
        drawn = tables.confusion(run, results.confusion, epoch)
        heatmap.show(drawn, "confusion", query.confused, lambda row, column: queries.change(confused=(row, column)))
        meaning = "Samples of each label (row) by the class they were predicted as (column)."
        name = figures.file_name(run, "training", "confusion", f"epoch{epoch}", ending="csv")
        about = {"epoch": epoch, "unit": "samples", "rows": "label", "columns": "predicted"}
        code = [
            f"results = bitlens.training_performance(run, epochs=[{epoch}])",
            f"table = results.confusion.sel(epoch={epoch}).to_pandas()",
        ]
        figures.below(run, meaning, drawn.table.to_pandas(), "confusion", name, about, code)
    with narrow:
        figures.title("Images of a cell")
        _cell(run, query, epoch, results)


def _cell(run: Run, query: Query, epoch: int, results: xr.Dataset) -> None:
    if query.confused is None:
        say("No cell is chosen.", "click a cell of the confusion matrix, or move through it with the arrow keys.")
        return
    label, predicted = query.confused
    names = [plain(results.label.values[i]) for i in query.confused]
    try:
        samples = bitlens.predicted_samples(run, epoch, label, predicted)
    except RunError:
        say(f"Only results were kept of epoch {epoch}.", tables.nearest(run, epoch))
        return
    st.markdown(f"Label **{names[0]}**, predicted **{names[1]}**, epoch {epoch}: **{count(len(samples), 'sample')}**.")
    if not samples:
        say("No sample is in this cell.", "choose a cell with a number other than 0.")
        return
    pictures.show_inputs(run, samples[:SHOWN], [f"sample {i}" for i in samples[:SHOWN]])
    if len(samples) > SHOWN:
        st.markdown(f"The first {SHOWN} are shown.")


def _uncertainty(run: Run, epoch: int, results: xr.Dataset) -> None:
    parts = (
        (
            "label_given_predicted",
            "H(label | predicted = class)",
            "How unsure the label is once a class was predicted: "
            "0 bits where all samples predicted as the class share a label.",
            "class never predicted",
        ),
        (
            "predicted_given_label",
            "H(predicted | label = class)",
            "How much the predictions vary among the samples of a class: 0 bits where all get the same one.",
            "class without samples",
        ),
    )
    for column, (name, symbol, meaning, reason) in zip(st.columns(2, gap="large"), parts, strict=True):
        with column:
            figures.title(symbol)
            table = results[name]
            charts.draw(
                charts.by_class(table, f"{symbol} (bits)", epoch), name, f"{symbol} in bits, a line for every class"
            )
            meaning += charts.gap_words(table, reason) + " Click a class in the legend to see it alone."
            file = figures.file_name(run, "training", name, ending="csv")
            code = _code(results, f"{name}.to_pandas()")
            figures.below(run, meaning, table.to_pandas(), name, file, {"quantity": symbol, "unit": "bits"}, code)


def _progress(run: Run, epoch: int, results: xr.Dataset) -> None:
    parts = (
        (
            "accuracy",
            "Accuracy",
            "accuracy (share of samples)",
            [0.0, 1.0],
            "Share of the probe that is predicted right.",
        ),
        ("loss", "Loss", "cross-entropy (bits)", None, "Mean cross-entropy of the probe, in bits a sample."),
    )
    for column, (name, heading, unit, domain, meaning) in zip(st.columns(2, gap="large"), parts, strict=True):
        with column:
            figures.title(heading)
            charts.draw(charts.over_epochs(results[name], unit, epoch, domain), name, f"{unit} over epochs")
            file = figures.file_name(run, "training", name, ending="csv")
            frame, code = (
                results[name].to_pandas().to_frame(name),
                _code(results, f"{name}.to_pandas().to_frame({name!r})"),
            )
            figures.below(run, meaning, frame, name, file, {"quantity": unit}, code)


def _code(results: xr.Dataset, table: str) -> list[str]:
    epochs = results.epoch.values.tolist()
    return [f"results = bitlens.training_performance(run, epochs={epochs})", f"table = results.{table}"]


def _diversity(run: Run) -> None:
    figures.title("Input diversity")
    results = recorded.input_diversity(run)
    if results is None:
        say("The input's diversity has not been measured.", "press the button; it takes seconds.")
        compute.offer("input diversity", "compute input", [("input diversity", lambda: bitlens.input_diversity(run))])
        return
    tables.input_diversity(run, results)


def _layers(run: Run, epoch: int) -> None:
    figures.title("Layers")
    results = recorded.layer_diversity(run)
    tables.layers(run, epoch, results)
    todo = [] if results is None else [e for e in run.epochs if e not in results.epoch]
    todo = run.epochs if results is None else todo
    if todo:
        say(f"The layers' diversity is not measured at {count(len(todo), 'epoch')}.", "press the button.")
        k = 15 if results is None else int(results.attrs.get("k", 15))
        steps = [(f"epoch {e}", lambda e=e: bitlens.layer_diversity(run, k, epochs=[e])) for e in todo]
        compute.offer(f"layer diversity of {count(len(todo), 'epoch')}", "compute layers", steps)


main()
