"""The pixels page (Ma et al. 2019): what every layer discards of each pixel, for single images and on average."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
import xarray as xr

from bitlens import tables
from bitlens.runs import Run, RunError
from bitlens_explorer.results.discarding import MEASURE, discarding_over_epochs, discarding_settings, load_discarding
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import Parameters
from bitlens_explorer.state.context import context
from bitlens_explorer.state.query import Query, change_query, current_query
from bitlens_explorer.state.selection import selected_samples
from bitlens_explorer.ui import charts, figure_frame
from bitlens_explorer.ui.bound_widget import choose_settings, leave_out
from bitlens_explorer.ui.python_code import measure_network_code
from bitlens_explorer.ui.text import count, number_ranges, show_hint, show_warning
from bitlens_explorer.views.pixels import captions
from bitlens_explorer.views.pixels.charts import over_layers
from bitlens_explorer.views.pixels.images import show_images
from bitlens_explorer.views.pixels.units import summarize

NEAREST_EPOCHS = 3  # for which an epoch without results has buttons


def main() -> None:
    """Show the page."""
    run, _, epoch = context()
    st.title("Pixels", anchor=False)
    known = discarding_settings(run)
    if not known:
        _unmeasured(run)
        return
    reset = ("image", "depth")
    parameters = choose_settings("discarding", "Settings", known, captions.describe_settings, reset)
    query = _with_measured(current_query(), parameters)
    samples = _samples(run, query, parameters)
    if not samples:
        measured = number_ranges(sorted(parameters["samples"]))
        what = f"No measured image belongs to the classes or the selection on the left. Measured images: {measured}."
        show_hint(what, "choose other classes, or clear the selection.")
        return
    summary: xr.Dataset | None = None
    try:
        summary = discarding_over_epochs(run, parameters, lambda results: summarize(run, results))
    except RunError as error:
        show_warning(error)
    epochs = run.results.epochs(MEASURE, parameters)
    if epoch not in epochs:
        _offer_epochs(epoch, epochs)
    else:
        try:
            results = load_discarding(run, parameters, epoch).sel(sample=samples)
            show_images(run, query, epoch, parameters, results, summarize(run, results) if summary is None else summary)
        except RunError as error:
            if summary is not None:
                show_warning(error)
    if summary is not None:
        _curves(run, epoch, parameters, summary.sel(sample=samples))


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
    st.code(measure_network_code(run, f"bitlens.{MEASURE}(run, model)"), language="python")


def _with_measured(query: Query, parameters: Parameters) -> Query:
    """The query without an image or a layer that was not measured."""
    fields = []
    if query.image is not None and query.image not in parameters["samples"]:
        fields.append("image")
    if query.depth is not None and query.depth not in parameters["layers"]:
        fields.append("depth")
    return leave_out(*fields) if fields else query


def _samples(run: Run, query: Query, parameters: Parameters) -> list[int]:
    """The measured images that are selected and belong to the chosen classes."""
    samples = list(dict.fromkeys(parameters["samples"]))
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


def _curves(run: Run, epoch: int, parameters: Parameters, summary: xr.Dataset) -> None:
    """Means over images, by layer and by epoch."""
    layers, epochs = summary["layer"].values.tolist(), summary["epoch"].values.tolist()
    for name, (title, axis, meaning) in captions.CURVES.items():
        if name not in summary:
            continue
        figure_frame.title(f"{title} by layer")
        table = tables.discarding_by_layer(summary, name)
        caption = f"{meaning} Mean of {count(summary.sizes['sample'], 'image')}."
        about = {"figure": name, "settings": captions.describe_settings(parameters), "unit": "bits"}
        places = st.columns(2, gap="large") if len(epochs) > 1 else [st.container()]
        numbers = "its numbers are in the table below"
        if epoch in epochs:
            with places[0]:
                st.markdown(f"**At epoch {epoch}**")
                part = table[table["epoch"] == epoch].reset_index(drop=True)
                alt_text = f"{name} by layer at epoch {epoch}; {numbers}"
                charts.draw(over_layers(part, axis), f"{name} by layer", alt_text)
                file = file_name(run, "pixels", name, "layers", f"epoch{epoch}", ending="csv")
                code = _code(parameters, name, summary, [epoch])
                note = captions.curve_note(part)
                figure_frame.below(run, caption + note, part, f"{name} layers", file, about, code)
        if len(epochs) > 1:
            with places[-1]:
                st.markdown("**By epoch**")
                chart = charts.lines(table, layers, "mean", axis, epoch)
                charts.draw(chart, f"{name} by epoch", f"{name} of each layer by epoch; {numbers}")
                file = file_name(run, "pixels", name, "epochs", ending="csv")
                code = _code(parameters, name, summary, epochs)
                figure_frame.below(run, f"{caption} {charts.ISOLATE}", table, f"{name} epochs", file, about, code)


def _code(parameters: Parameters, name: str, summary: xr.Dataset, epochs: Sequence[int]) -> list[str]:
    """The lines of Python that make the table of a curve."""
    return [
        "import xarray",
        "from bitlens import tables",
        "",
        f"parameters = {parameters!r}",
        f"epochs = {list(epochs)}",
        f"parts = [run.results.load({MEASURE!r}, parameters, epoch) for epoch in epochs]",
        "results = xarray.concat(parts, 'epoch').assign_coords(epoch=epochs)",
        f"table = tables.discarding_by_layer(results.sel(sample={summary['sample'].values.tolist()}), {name!r})",
    ]


main()
