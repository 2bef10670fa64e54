"""The training page (CNNSlicer, section 5.1): quality and certainty of predictions, and diversity of samples."""

from __future__ import annotations

import streamlit as st

import bitlens
from bitlens import tables
from bitlens.measures import Task, input_diversity, training_performance
from bitlens.runs import Run, RunError
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import describe, known_sets, load, missing_tasks, stored_epochs
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import Query, change_query
from bitlens_explorer.ui import charts, compute_button, figure_frame, images
from bitlens_explorer.ui.components import heatmap
from bitlens_explorer.ui.text import count, escape_markdown, nearest_activations, show_hint
from bitlens_explorer.views.training.charts import (
    by_class,
    confusion_matrix,
    describe_gaps,
    diversity_bars,
    over_epochs,
)
from bitlens_explorer.views.training.layers import show_layers

MOST_IMAGES = 12
# Variable, symbol, meaning, reason of a gap.
UNCERTAINTIES = (
    (
        "label_given_predicted",
        "H(label | predicted = class)",
        "How uncertain the label is after a class was predicted: 0 bits if all samples predicted as the class have the "
        "same label.",
        "class never predicted",
    ),
    (
        "predicted_given_label",
        "H(predicted | label = class)",
        "How much the predictions vary among the samples of a class: 0 bits if all samples get the same prediction.",
        "class without samples",
    ),
)
# Variable, title, axis, range of the axis, meaning.
PROGRESS = (
    ("accuracy", "Accuracy", "accuracy (share of samples)", [0.0, 1.0], "Share of correct predictions on the probe."),
    ("loss", "Loss", "cross-entropy (bits)", None, "Mean cross-entropy on the probe, in bits per sample."),
)


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    st.title("Training", anchor=False)
    known = next(iter(known_sets(run, training_performance)), None)
    results = load(run, known)
    at_epoch = results.sel(epoch=epoch) if results is not None and epoch in stored_epochs(results) else None
    _metrics(run, epoch, at_epoch)
    if run.labels is None:
        show_hint("This run was recorded without labels, so it has no confusion matrix.", "record it with labels.")
    elif not _has_predictions(run):
        what = "This run has no layer output with a value for each class, so it has no confusion matrix."
        show_hint(what, "record the logits as the layer output.")
    else:
        tasks = [] if at_epoch is not None else missing_tasks(run, training_performance, (), known, results)
        _predictions(run, query, epoch, at_epoch, tasks)
        if results is not None:
            _uncertainty(run, epoch, results)
            _progress(run, epoch, results)
    _input_diversity(run)
    show_layers(run, epoch)


def _has_predictions(run: Run) -> bool:
    try:
        training_performance.arguments_of(run)
    except RunError:
        return False
    return True


def _metrics(run: Run, epoch: int, results: Traced | None) -> None:
    numbers: dict[str, str | int] = {
        "Epoch": epoch,
        "Accuracy": "not measured" if results is None else f"{float(results.value.accuracy):.1%}",
        "Loss": "not measured" if results is None else f"{float(results.value.loss):.3f} bits",
        "Samples": run.manifest.samples,
    }
    for column, (label, value) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(label, value)


def _predictions(run: Run, query: Query, epoch: int, results: Traced | None, tasks: list[Task]) -> None:
    left, right = st.columns([3, 2], gap="large")
    with left:
        figure_frame.title("Confusion matrix")
        if results is None:
            show_hint(f"Epoch {epoch} has not been measured.", "press the button; it takes seconds.")
            label = f"training performance of {count(len(tasks), 'epoch')}"
            compute_button.offer(run, label, "compute training", tasks)
            return
        drawn = confusion_matrix(run, results.value.confusion, epoch)
        heatmap.show(drawn, "confusion", query.confused, lambda row, column: change_query(confused=(row, column)))
        meaning = "Samples of each label (row) by the class that was predicted for them (column)."
        file = file_name(run, "training", "confusion", f"epoch{epoch}", ending="csv")
        about = {"epoch": epoch, "unit": "samples"}
        figure_frame.below(run, meaning, call(tables.confusion, results), "confusion", file, about)
    with right:
        figure_frame.title("Images of a cell")
        _cell(run, query, epoch, results)


def _cell(run: Run, query: Query, epoch: int, results: Traced) -> None:
    """The samples of the chosen cell of the confusion matrix."""
    if query.confused is None:
        show_hint("No cell is chosen.", "click a cell of the confusion matrix, or move through it with the arrow keys.")
        return
    label, predicted = query.confused
    names = [escape_markdown(results.value.label.values[i]) for i in query.confused]
    try:
        samples = bitlens.predicted_samples(run, epoch, label, predicted)
    except RunError:
        show_hint(f"Only results were recorded at epoch {epoch}.", nearest_activations(run, epoch))
        return
    st.markdown(f"Label **{names[0]}**, predicted **{names[1]}**, epoch {epoch}: **{count(len(samples), 'sample')}**.")
    if not samples:
        show_hint("No sample is in this cell.", "choose a cell with a number other than 0.")
        return
    images.show_inputs(run, samples[:MOST_IMAGES], [f"sample {i}" for i in samples[:MOST_IMAGES]])
    if len(samples) > MOST_IMAGES:
        st.markdown(f"The first {MOST_IMAGES} are shown.")


def _uncertainty(run: Run, epoch: int, results: Traced) -> None:
    table = call(tables.label_uncertainty, results)
    for column, (name, symbol, meaning, reason) in zip(st.columns(2, gap="large"), UNCERTAINTIES, strict=True):
        with column:
            figure_frame.title(symbol)
            chart = by_class(table.value, name, f"{symbol} (bits)", epoch)
            charts.draw(chart, name, f"{symbol} in bits, a line for every class")
            gaps = describe_gaps(table.value, name, reason)
            caption = f"{meaning}{gaps} Click a class in the legend to see it alone."
            file = file_name(run, "training", name, ending="csv")
            shown = table.columns(["epoch", "class", name])
            figure_frame.below(run, caption, shown, name, file, {"quantity": symbol, "unit": "bits"})


def _progress(run: Run, epoch: int, results: Traced) -> None:
    table = call(tables.training_progress, results)
    for column, (name, title, unit, domain, meaning) in zip(st.columns(2, gap="large"), PROGRESS, strict=True):
        with column:
            figure_frame.title(title)
            charts.draw(over_epochs(table.value, name, unit, epoch, domain), name, f"{unit} over epochs")
            file = file_name(run, "training", name, ending="csv")
            figure_frame.below(run, meaning, table.columns(["epoch", name]), name, file, {"quantity": unit})


def _input_diversity(run: Run) -> None:
    figure_frame.title("Input diversity")
    if not run.has_inputs:
        show_hint("This run was recorded without inputs, so they have no diversity.", "record it with inputs.")
        return
    known = next(iter(known_sets(run, input_diversity)), None)
    results = load(run, known)
    if known is None or results is None:
        show_hint("The diversity of the input has not been measured.", "press the button; it takes seconds.")
        tasks = missing_tasks(run, input_diversity, (), known, results)
        compute_button.offer(run, "input diversity", "compute input", tasks)
        return
    settings = describe(known.parameters)
    traced = call(tables.input_diversity, results)
    table = traced.value
    charts.draw(diversity_bars(table), "input diversity", "inter-sample entropy of the input by class")
    without = [escape_markdown(name) for name in table["group"][table["inter_sample_entropy"].isna()]]
    gaps = f" No bar: classes with too few samples ({', '.join(without)})." if without else ""
    meaning = (
        f"The diversity of the inputs, estimated with {escape_markdown(settings)} (nearest neighbours). The orange "
        f"line is the largest value that this number of samples can reach.{gaps}"
    )
    file = file_name(run, "training", "input-diversity", ending="csv")
    figure_frame.below(run, meaning, traced, "input diversity", file, {"settings": settings, "unit": "bits"})


main()
