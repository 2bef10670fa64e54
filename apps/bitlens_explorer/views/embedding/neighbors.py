"""The nearest samples of a single selected sample, in the space of layer A."""

from __future__ import annotations

from bitlens import tables
from bitlens.measures import nearest_samples
from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.traced import call
from bitlens_explorer.state.query import Query
from bitlens_explorer.state.selection import selected_samples
from bitlens_explorer.ui import figure_frame, images
from bitlens_explorer.ui.text import escape_markdown
from bitlens_explorer.views.embedding.points import predictions

NUMBER = 8


def show_neighbors(run: Run, query: Query, epoch: int) -> None:
    """The neighbours, if exactly one sample is selected."""
    selected = selected_samples(run, query)
    if len(selected) != 1:
        return
    layer = str(query.a)
    found = call(nearest_samples, run, layer, epoch, selected[0], NUMBER)
    table = call(tables.nearest_samples, found)
    figure_frame.title(
        f"Nearest samples of sample {selected[0]} in layer {escape_markdown(layer)}",
        "Euclidean distance over all values of the layer, in units of the activation.",
    )
    predicted = predictions(run, epoch)
    captions = []
    for sample, distance in zip([selected[0], *table.value["sample"]], [0.0, *table.value["distance"]], strict=True):
        parts = [f"{sample}: {distance:.3g}"]
        if run.labels is not None:
            parts.append(f"label {run.classes[run.labels[sample]]}")
        if predicted is not None and run.classes and predicted[sample] < len(run.classes):
            parts.append(f"predicted {run.classes[predicted[sample]]}")
        captions.append(", ".join(parts))
    images.show_inputs(run, [selected[0], *table.value["sample"].tolist()], captions)
    file = file_name(run, "embedding", layer, f"epoch{epoch}", f"sample{selected[0]}", "neighbours", ending="csv")
    about = {"epoch": epoch, "layer": layer, "sample": selected[0], "quantity": "Euclidean distance"}
    figure_frame.below(run, "The sample itself, then the nearest ones with their distance.", table, "near", file, about)
