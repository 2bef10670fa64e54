"""The training page (CNNSlicer, section 5.1): quality and certainty of predictions, and diversity of samples."""

from __future__ import annotations

import streamlit as st

import bitlens
from bitlens import tables
from bitlens.measures import input_diversity, training_performance
from bitlens.runs import Run, RunError
from bitlens_explorer.results.definitions import DEFINITIONS
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.findings import findings
from bitlens_explorer.results.known import describe, known_sets, load, missing_tasks
from bitlens_explorer.results.layer_states import at_epoch, layer_states
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.context import context, go_to_page
from bitlens_explorer.state.query import Query, change_query
from bitlens_explorer.ui import charts, compute_button, figure_frame, images, page_frame
from bitlens_explorer.ui.components import heatmap
from bitlens_explorer.ui.text import count, escape_markdown, show_hint, show_warning, show_without_activations
from bitlens_explorer.views.training.charts import (
    by_class,
    confusion_matrix,
    describe_gaps,
    diversity_bars,
    over_epochs,
)
from bitlens_explorer.views.training.layers import show_layers

MOST_IMAGES = 12
METRICS_IN_ROW = 2
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


CONFUSION, UNCERTAINTY, PERFORMANCE, INPUTS, LAYERS = TITLES = (
    "Confusion matrix",
    "Uncertainty",
    "Accuracy and loss",
    "Input diversity",
    "Layers",
)


def main() -> None:
    """Show the page."""
    run, query, epoch = context()
    page_frame.head("Training", "How well does the network predict, how certain is it, and how diverse are its inputs?")
    missing = _why_no_predictions(run)
    problem = None if missing else _measure_new_epochs(run)
    results = load(run, next(iter(known_sets(run, training_performance)), None))
    shown = at_epoch(results, epoch)
    left, answer = page_frame.figure_and_answer()
    with left:
        _metrics(run, epoch, shown)
        for title in page_frame.figures("training", TITLES):
            try:
                _figures(run, query, epoch, title, missing, problem, results)
            except ValueError as error:  # such as a probe of fewer samples than neighbours
                show_warning(error)
    with answer:
        if shown is not None and not missing:
            figure_frame.title("Samples of a cell")
            _cell(run, query, epoch, shown)
        _findings(run, epoch)


def _figures(
    run: Run,
    query: Query,
    epoch: int,
    title: str,
    missing: tuple[str, str] | None,
    problem: str | None,
    results: Traced | None,
) -> None:
    """The figures under a title."""
    if title == INPUTS:
        _input_diversity(run)
    elif title == LAYERS:
        show_layers(run, epoch)
    elif missing:
        show_hint(*missing)
    elif title == CONFUSION:
        _confusion(run, query, epoch, at_epoch(results, epoch), problem)
    elif results is not None and title == UNCERTAINTY:
        _uncertainty(run, epoch, results)
    elif results is not None and title == PERFORMANCE:
        _progress(run, epoch, results)
    if title == PERFORMANCE:
        _metrics_of_training(run, epoch)


def _measure_new_epochs(run: Run) -> str | None:
    """Measure the performance at epochs that have arrived, which takes milliseconds; or why this cannot be done."""
    known = next(iter(known_sets(run, training_performance)), None)
    tasks = missing_tasks(run, training_performance, (), known, load(run, known))
    return compute_button.compute_now(run, tasks) if tasks else None


def _why_no_predictions(run: Run) -> tuple[str, str] | None:
    """Why there is no confusion matrix, and what to do."""
    if run.labels is None:
        return "This run was recorded without labels, so it has no confusion matrix.", "record it with labels."
    try:
        training_performance.arguments_of(run)
    except RunError:
        what = "This run has no layer output with a value for each class, so it has no confusion matrix."
        return what, "record the logits as the layer output."
    return None


def _metrics(run: Run, epoch: int, results: Traced | None) -> None:
    accuracy = loss = "not measured"
    if results is not None:
        accuracy, loss = f"{float(results.value.accuracy):.1%}", f"{float(results.value.loss):.3f} bits"
    numbers: dict[str, tuple[str | int, str]] = {
        "Epoch": (epoch, "The epoch that is shown. The controls on the left change it."),
        "Accuracy": (accuracy, DEFINITIONS["accuracy"]),
        "Loss": (loss, DEFINITIONS["loss"]),
        "Samples": (run.manifest.samples, "Samples of the probe, whose activations were recorded."),
    }
    for column, (label, (value, meaning)) in zip(st.columns(len(numbers)), numbers.items(), strict=True):
        column.metric(label, value, help=meaning)


def _findings(run: Run, epoch: int) -> None:
    """What to look at first, each with a button that leads there."""
    found = findings(run, epoch, layer_states(run, epoch))
    if not found:
        return
    figure_frame.title("What to look at first")
    for number, finding in enumerate(found):
        st.markdown(escape_markdown(finding.text))
        label, parts = f"{escape_markdown(finding.label)} →", {"tab": finding.tab, **finding.parts}
        key = f"finding {number}"
        st.button(label, key=key, type="tertiary", on_click=go_to_page, args=(finding.page,), kwargs=parts)


def _confusion(run: Run, query: Query, epoch: int, results: Traced | None, problem: str | None) -> None:
    figure_frame.title("Confusion matrix, all samples", DEFINITIONS["confusion"])
    if results is None:
        what = f"The performance at epoch {epoch} could not be measured: {problem or 'it has no activations'}."
        show_hint(what, "choose another epoch.")
        return
    if problem:
        st.warning(f"Not all epochs could be measured: {problem}.")
    drawn = confusion_matrix(run, results.value.confusion, epoch)
    heatmap.show(drawn, "confusion", query.confused, lambda row, column: change_query(confused=(row, column)))
    meaning = "Samples of each label (row) by the class that was predicted for them (column)."
    file = file_name(run, "training", "confusion", f"epoch{epoch}", ending="csv")
    about = {"epoch": epoch, "unit": "samples"}
    figure_frame.below(run, meaning, call(tables.confusion, results), "confusion", file, about)


def _cell(run: Run, query: Query, epoch: int, results: Traced) -> None:
    """The samples of the chosen cell of the confusion matrix."""
    if query.confused is None:
        show_hint("No cell is chosen.", "click a cell of the confusion matrix, or move through it with the arrow keys.")
        return
    label, predicted = query.confused
    names = [escape_markdown(results.value.label.values[i]) for i in query.confused]
    try:
        samples = bitlens.predicted_samples(run, epoch, label, predicted)
    except RunError as error:
        show_without_activations(run, epoch, "predictions of single samples were not recorded", error)
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
            figure_frame.title(symbol, DEFINITIONS[name])
            chart = by_class(table.value, name, f"{symbol} (bits)", epoch)
            charts.draw(chart, name, f"{symbol} in bits, a line for every class")
            gaps = describe_gaps(table.value, name, reason)
            caption = f"{meaning}{gaps} Click a class in the legend to see it alone."
            file = file_name(run, "training", name, ending="csv")
            shown = table.columns(["epoch", "class", name])
            figure_frame.below(run, caption, shown, name, file, {"quantity": symbol, "unit": "bits"}, chart)


def _progress(run: Run, epoch: int, results: Traced) -> None:
    table = call(tables.training_progress, results)
    for column, (name, title, unit, domain, meaning) in zip(st.columns(2, gap="large"), PROGRESS, strict=True):
        with column:
            figure_frame.title(title, DEFINITIONS[name])
            chart = over_epochs(table.value, name, unit, epoch, domain)
            charts.draw(chart, name, f"{unit} over epochs")
            file = file_name(run, "training", name, ending="csv")
            figure_frame.below(run, meaning, table.columns(["epoch", name]), name, file, {"quantity": unit}, chart)


def _metrics_of_training(run: Run, epoch: int) -> None:
    """What the training itself recorded."""
    metrics = run.metrics
    traced = Traced(tables.recorded_metrics(metrics), "tables.recorded_metrics(run.metrics)").assigned("metrics")
    names = list(dict.fromkeys(traced.value["metric"]))
    if not names:
        return
    figure_frame.title("Metrics of the training", "The numbers that the training gave to Recorder.snapshot.")
    for first in range(0, len(names), METRICS_IN_ROW):
        row = names[first : first + METRICS_IN_ROW]
        for column, name in zip(st.columns(METRICS_IN_ROW, gap="medium"), row, strict=False):
            with column:
                table = traced.rows(metric=name)
                chart = over_epochs(table.value, "value", name, epoch)
                charts.draw(chart, f"metric {name}", f"{name} over epochs")
                file = file_name(run, "training", name, ending="csv")
                meaning = f"{escape_markdown(name)}, in the unit of the training"
                figure_frame.below(run, meaning, table, f"metric {name}", file, {"quantity": name}, chart)


def _input_diversity(run: Run) -> None:
    figure_frame.title("Input diversity", DEFINITIONS["inter_sample_entropy"])
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
    chart = diversity_bars(table)
    charts.draw(chart, "input diversity", "inter-sample entropy of the input by class")
    without = [escape_markdown(name) for name in table["group"][table["inter_sample_entropy"].isna()]]
    gaps = f" No bar: classes with too few samples ({', '.join(without)})." if without else ""
    meaning = (
        f"The diversity of the inputs, estimated with {escape_markdown(settings)} (nearest neighbours). The orange "
        f"line is the largest value that this number of samples can reach.{gaps}"
    )
    file = file_name(run, "training", "input-diversity", ending="csv")
    figure_frame.below(run, meaning, traced, "input diversity", file, {"settings": settings, "unit": "bits"}, chart)


main()
