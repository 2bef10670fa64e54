"""The pixels page (Ma et al. 2019): what every layer discards of each pixel, for single images and on average."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
import xarray as xr

from bitlens import tables
from bitlens.measures import layer_discarding
from bitlens.runs import Run
from bitlens_explorer.results.definitions import DEFINITIONS
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import AnyKnown, described, known_sets, load, stored_epochs, summarized
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import Query, change_query, current_query
from bitlens_explorer.state.selection import selected_samples
from bitlens_explorer.ui import charts, figure_frame, page_frame
from bitlens_explorer.ui.bound_widget import choose_known, leave_out
from bitlens_explorer.ui.python_code import measure_network_code
from bitlens_explorer.ui.text import count, number_ranges, show_hint, show_warning
from bitlens_explorer.views.pixels import captions
from bitlens_explorer.views.pixels.charts import over_layers
from bitlens_explorer.views.pixels.images import show_images
from bitlens_explorer.views.pixels.units import summarize

IMAGES, MEANS = "Images", "Layers and epochs"
NEAREST_EPOCHS = 3  # for which an epoch without results has buttons


def main() -> None:
    """Show the page."""
    run, _, epoch = context()
    page_frame.head("Pixels", "Which parts of an input does each layer discard?")
    sets = known_sets(run, layer_discarding)
    if not sets:
        _unmeasured(run)
        return
    known = choose_known("discarding", "Settings", sets, reset=("image", "depth"))
    query = _with_measured(current_query(), known)
    samples = _samples(run, query, known)
    if not samples:
        measured = number_ranges(sorted(known.parameters.samples))
        what = f"No measured image belongs to the classes or the selection on the left. Measured images: {measured}."
        show_hint(what, "choose other classes, or clear the selection.")
        return
    try:
        summary = summarized(run, known, lambda results: summarize(run, results))
        if summary is None:
            return
        epochs = stored_epochs(summary)
        results = load(run, known, [epoch], cached=False) if epoch in epochs else None
        if results is None:
            _offer_epochs(epoch, epochs)
        else:
            at_epoch = results.sel(epoch=epoch).sel(sample=samples)
            tables.discarding_by_layer(at_epoch.value)  # refuses results that lack a variable
            left, answer = page_frame.figure_and_answer()
            with left:
                for title in page_frame.figures("pixels", (IMAGES, MEANS)):
                    if title == IMAGES:
                        show_images(run, query, epoch, known, at_epoch, summary.value, answer)
                    else:
                        _curves(run, epoch, known, summary.sel(sample=samples))
            return
        _curves(run, epoch, known, summary.sel(sample=samples))
    except ValueError as error:
        show_warning(error)


def _unmeasured(run: Run) -> None:
    """What the user has to do to get results."""
    what = "The discarding of pixels has not been measured, and the explorer does not run networks."
    if run.weight_epochs:
        what += f" This run has the weights of epoch {number_ranges(run.weight_epochs)}."
        show_hint(what, "measure it with the model:")
    else:
        show_hint(
            f"{what} This run has no weights, which the measurement needs.",
            "record the network again with the weights of some epochs, then measure it with the model:",
        )
    st.code(measure_network_code(run, f"bitlens.{layer_discarding.name}(run, model)"), language="python")


def _with_measured(query: Query, known: AnyKnown) -> Query:
    """The query without an image or a layer that was not measured."""
    fields = []
    if query.image is not None and query.image not in known.parameters.samples:
        fields.append("image")
    if query.depth is not None and query.depth not in known.parameters.layers:
        fields.append("depth")
    return leave_out(*fields) if fields else query


def _samples(run: Run, query: Query, known: AnyKnown) -> list[int]:
    """The measured images that are selected and belong to the chosen classes."""
    samples = list(dict.fromkeys(known.parameters.samples))
    if query.selection is not None:
        selected = set(selected_samples(run, query))
        samples = [sample for sample in samples if sample in selected]
    if query.classes and run.labels is not None:
        samples = [sample for sample in samples if int(run.labels[sample]) in query.classes]
    return samples


def _offer_epochs(epoch: int, epochs: Sequence[int]) -> None:
    """The epochs that have results."""
    what = f"Epoch {epoch} has not been measured with these settings."
    show_hint(what, f"choose an epoch with results: {number_ranges(list(epochs))}.")
    nearest = sorted(sorted(epochs, key=lambda other: abs(other - epoch))[:NEAREST_EPOCHS])
    for column, other in zip(st.columns(2 * NEAREST_EPOCHS), nearest, strict=False):
        column.button(f"Epoch {other}", on_click=change_query, kwargs={"epoch": other}, key=f"to epoch {other}")


def _curves(run: Run, epoch: int, known: AnyKnown, means: Traced) -> None:
    """Means over images, by layer and by epoch."""
    summary: xr.Dataset = means.value
    layers, epochs = summary["layer"].values.tolist(), summary["epoch"].values.tolist()
    for name, (title, axis, meaning) in captions.CURVES.items():
        if name not in summary:
            continue
        figure_frame.title(f"{title} by layer, all images", DEFINITIONS["discarding"])
        table = call(tables.discarding_by_layer, means, name)
        caption = f"{meaning} Mean of {count(summary.sizes['sample'], 'image')}. {tables.no_error(table.value)}"
        about = {"figure": name, "settings": described(known), "unit": "bits"}
        places = st.columns(2, gap="large") if len(epochs) > 1 else [st.container()]
        numbers = "its numbers are in the table below"
        if epoch in epochs:
            with places[0]:
                st.markdown(f"**At epoch {epoch}**")
                part = table.rows(epoch=epoch)
                alt_text = f"{name} by layer at epoch {epoch}; {numbers}"
                chart: charts.Chart = over_layers(part.value, axis)
                charts.draw(chart, f"{name} by layer", alt_text)
                file = file_name(run, "pixels", name, "layers", f"epoch{epoch}", ending="csv")
                note = captions.curve_note(part.value)
                figure_frame.below(run, caption + note, part, f"{name} layers", file, about, chart)
        if len(epochs) > 1:
            with places[-1]:
                st.markdown("**By epoch**")
                chart = charts.lines(table.value, layers, "mean", axis, epoch)
                charts.draw(chart, f"{name} by epoch", f"{name} of each layer by epoch; {numbers}")
                file = file_name(run, "pixels", name, "epochs", ending="csv")
                note = f"{caption} {charts.ISOLATE}"
                figure_frame.below(run, note, table, f"{name} epochs", file, about, chart)


main()
