"""Figures of the training: predictions, their certainty, and the diversity of inputs and layers."""

from __future__ import annotations

from collections.abc import Iterator

from bitlens import tables
from bitlens.measures import input_diversity as input_diversity_measure
from bitlens.measures import layer_diversity, training_performance
from bitlens_explorer.report.figure import Figure
from bitlens_explorer.report.stored import StoredResults
from bitlens_explorer.results.known import described
from bitlens_explorer.ui import charts
from bitlens_explorer.views.training.charts import by_class, confusion_matrix, diversity_bars, over_epochs

_UNCERTAINTIES = {
    "label_given_predicted": (
        "H(label | predicted = class)",
        "The uncertainty of the label after a class was predicted, in bits. A cross marks epochs at which the class "
        "was never predicted, so that it has no value.",
    ),
    "predicted_given_label": (
        "H(predicted | label = class)",
        "The uncertainty of the prediction for samples of a class, in bits. A cross marks a class without samples.",
    ),
}


def performance(stored: StoredResults) -> Iterator[Figure]:
    """Accuracy, loss, uncertainty by class, and the last confusion matrix."""
    found = stored.first(training_performance)
    if found is None:
        return
    results = found.results
    last = int(results.epoch[-1])
    progress = tables.training_progress(results)
    summary = tables.training_summary(results)
    chart = over_epochs(progress, "accuracy", "accuracy (share of samples)", last, [0.0, 1.0])
    caption = "Share of correct predictions on the probe. The table has means of the entropies over the classes."
    yield Figure("Accuracy", caption, summary, chart)
    loss = over_epochs(progress, "loss", "cross-entropy (bits)", last)
    yield Figure("Loss", "Mean cross-entropy on the probe, in bits per sample.", progress[["epoch", "loss"]], loss)
    uncertainty = tables.label_uncertainty(results)
    for name, (title, caption) in _UNCERTAINTIES.items():
        chart = by_class(uncertainty, name, f"{title} (bits)", last)
        yield Figure(title, caption, uncertainty[["epoch", "class", name]], chart)
    counts = results.confusion.sel(epoch=last)
    caption = f"Samples of each label (row) by the class that was predicted for them (column), at epoch {last}."
    table = tables.confusion(results.sel(epoch=last))
    yield Figure("Confusion matrix", caption, table, confusion_matrix(stored.run, counts, last))


def input_diversity(stored: StoredResults) -> Iterator[Figure]:
    """The diversity of the inputs by class."""
    found = stored.first(input_diversity_measure)
    if found is None:
        return
    table = tables.input_diversity(found.results)
    caption = (
        "Inter-sample entropy of the inputs. The line is the largest value that this number of samples can reach. "
        "Compare only groups of equal size. A group without a bar has too few samples."
    )
    yield Figure("Diversity of the inputs", caption, table, diversity_bars(table), described(found.known), open=True)


def layers(stored: StoredResults) -> Iterator[Figure]:
    """What was recorded of each layer, and its diversity over the epochs."""
    axes = tables.layer_axes(stored.run.layers)[["layer", "kind", "shape", "channel_axis", "decided"]]
    caption = "The recorded layers, from the input to the output. The shape is that of one sample, channels first."
    yield Figure("Recorded layers", caption, axes, open=True)
    found = stored.first(layer_diversity)
    if found is None:
        return
    table = tables.layer_diversity(found.results)
    last = int(found.results.epoch[-1])
    frame = table.rename(columns={"null_mean": "null inter_sample_entropy"})
    names = list(dict.fromkeys(table["layer"]))
    chart = charts.lines(frame, names, "inter_sample_entropy", "inter-sample entropy (bits)", last)
    caption = (
        "How diverse the samples are in each layer. Dashed: the same with shuffled features. The largest possible "
        f"value is {table['bound'].iloc[-1]:.2f} bits. The value is also large where samples coincide; the table has "
        "the numbers of distinct and of tied samples."
    )
    yield Figure("Diversity of the samples by layer", caption, table, chart, described(found.known))
