"""Feature maps of chosen channels for a few samples, below these samples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import bitlens
from bitlens.runs import Run, RunError
from bitlens_explorer.results.export import file_name
from bitlens_explorer.state.query import Query
from bitlens_explorer.state.selection import example_samples
from bitlens_explorer.ui import figure_frame, images
from bitlens_explorer.ui.text import escape_markdown, show_hint, show_without_activations

MOST_SAMPLES = 8


def show_feature_maps(run: Run, query: Query, epoch: int, channels: Sequence[tuple[str, int]], page: str) -> None:
    """Feature maps of channels (layer, number) for samples of the selection or of the chosen classes."""
    figure_frame.title("Feature maps")
    try:
        samples = example_samples(run, query, MOST_SAMPLES)
    except RunError as error:
        names = ", ".join(escape_markdown(run.classes[number]) for number in query.classes)
        what = f"The probe has no sample of class {names}." if query.selection is None else escape_markdown(error)
        show_hint(what, "choose other classes on the left, or clear the selection.")
        return
    labels = run.labels
    captions = [f"sample {i}" if labels is None else f"{i}: label {run.classes[labels[i]]}" for i in samples]
    images.show_inputs(run, samples, captions)
    try:
        for number, (layer, channel) in enumerate(channels):
            images.show_maps(run, layer, channel, epoch, samples)
            file = file_name(run, page, layer, f"channel{channel}", f"epoch{epoch}", "maps", ending="csv")
            about = {"epoch": epoch, "layer": layer, "channel": channel, "quantity": "activation"}
            table = partial(_table, run, layer, channel, epoch, samples)
            figure_frame.download(run, table, f"maps {number}", file, about)
    except RunError as error:
        show_without_activations(run, epoch, "feature maps were not recorded", error)


def _table(run: Run, layer: str, channel: int, epoch: int, samples: list[int]) -> Any:
    return bitlens.feature_maps(run, layer, channel, epoch, samples).rename("activation").to_dataframe()
