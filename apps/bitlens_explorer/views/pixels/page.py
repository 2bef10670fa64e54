"""The pixels page (Ma et al. 2019): what of each pixel every layer discards, image by image and on the average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
import xarray as xr

from bitlens.runs import Run, RunError
from bitlens_explorer import charts, figures, flow, flow_charts, pixel_charts, pixel_code, pixel_parts, pixels, recorded
from bitlens_explorer import query as queries
from bitlens_explorer.context import context, kept_settings
from bitlens_explorer.query import Query
from bitlens_explorer.recorded import Parameters
from bitlens_explorer.words import count, listed, say

IMAGES, LAYERS = 6, 10  # shown at once


def main() -> None:
    """The page."""
    run, query, epoch = context()
    st.title("Pixels", anchor=False)
    known = recorded.discardings(run)
    if not known:
        _none(run)
        return
    parameters = kept_settings("discarding", "Settings", known, pixels.words, image=None, depth=None)
    query = _checked(queries.current(), parameters)
    samples = pixel_parts.samples(run, query, parameters)
    if not samples:
        measured = listed(sorted(parameters["samples"]))
        say(
            f"What is chosen on the left has none of the images that were measured: {measured}.", "choose others there."
        )
        return
    kept = run.results.epochs("layer_discarding", parameters)
    means: xr.Dataset | None = None
    try:
        means = recorded.discarding_epochs(run, parameters, lambda found: pixels.summary(run, found))
    except RunError as error:
        figures.failed(error)
    if epoch not in kept:
        _other_epochs(epoch, kept)
    else:
        try:
            found = recorded.discarding(run, parameters, epoch).sel(sample=samples)
            ends = pixels.summary(run, found) if means is None else means
            _images(run, query, epoch, parameters, found, ends)
        except RunError as error:
            if means is not None:
                figures.failed(error)
    if means is not None:
        _curves(run, epoch, parameters, means.sel(sample=samples))


def _none(run: Run) -> None:
    """What has to be done for there to be anything."""
    what = "What layers discard of each pixel has not been measured, and the explorer runs no network."
    if run.weight_epochs:
        say(f"{what} This run keeps its weights of epoch {listed(run.weight_epochs)}.", "measure it with the model:")
    else:
        say(
            f"{what} This run keeps no weights, which that needs.",
            "record the network again with its weights of some epochs, then measure it with the model:",
        )
    st.code(pixel_code.wanted(run), language="python")


def _checked(query: Query, parameters: Parameters) -> Query:
    """Without an image or a layer that was not measured."""
    complaints = []
    if query.image is not None and query.image not in parameters["samples"]:
        complaints.append(f"px={query.image}")
        query = replace(query, image=None)
    if query.depth is not None and query.depth not in parameters["layers"]:
        complaints.append(f"pl={query.depth[:40]}")
        query = replace(query, depth=None)
    if complaints:
        queries.settle(query, complaints)
        queries.publish()
    return query


def _other_epochs(epoch: int, kept: Sequence[int]) -> None:
    """The epochs that there are results of."""
    say(f"Epoch {epoch} has not been measured so.", f"choose one that has: {listed(list(kept))}.")
    close = sorted(sorted(kept, key=lambda other: abs(other - epoch))[:3])
    for column, other in zip(st.columns(6), close, strict=False):
        column.button(f"Epoch {other}", on_click=queries.change, kwargs={"epoch": other}, key=f"to epoch {other}")


def _images(run: Run, query: Query, epoch: int, parameters: Parameters, found: xr.Dataset, ends: xr.Dataset) -> None:
    """The strips and the chosen image, or its units."""
    layers = found["layer"].values.tolist()
    image, layer = pixel_parts.place(query, found)
    if not pixels.are_images(run):
        pixel_parts.inputs_without_pixels(run, epoch, parameters, found, ends, image, layer)
        return
    samples = pixel_parts.page("Images", found["sample"].values.tolist(), IMAGES, image)
    shown = pixel_parts.page("Layers", layers, LAYERS, layer)
    for kind, name in pixels.VARIABLES.items():
        if name in found:
            values = found.sel(sample=samples, layer=shown)
            pixel_parts.strip(run, epoch, parameters, values, kind, ends, (image, layer))
    pixel_parts.chosen(run, query, epoch, parameters, found.sel(sample=image, layer=layer), ends)


def _curves(run: Run, epoch: int, parameters: Parameters, means: xr.Dataset) -> None:
    """Means of the images, by layer and by epoch."""
    samples, layers = means["sample"].values.tolist(), means["layer"].values.tolist()
    epochs = means["epoch"].values.tolist()
    for name, (title, axis, meaning) in pixels.CURVES.items():
        if name not in means:
            continue
        figures.title(f"{title} by layer")
        converged = None if name == "uncertainty" else means["converged"]
        table = pixels.averages(means[name], converged)
        words = f"{meaning} Mean of {count(len(samples), 'image')}."
        about = {"figure": name, "settings": pixels.words(parameters), "unit": "bits"}
        places = st.columns(2, gap="large") if len(epochs) > 1 else [st.container()]
        if epoch in epochs:
            with places[0]:
                st.markdown(f"**At epoch {epoch}**")
                part = table.loc[[epoch]]
                charts.draw(
                    pixel_charts.by_layer(part.reset_index(), axis), f"{name} by layer",
                    f"{name} by layer at epoch {epoch}; its numbers are in the table below",
                )  # fmt: skip
                file = figures.file_name(run, "pixels", name, "layers", f"epoch{epoch}", ending="csv")
                code = pixel_code.curve(run, parameters, name, samples, [epoch])
                figures.below(run, f"{words}{pixels.curve_words(part)}", part, f"{name} layers", file, about, code)
        if len(epochs) > 1:
            with places[-1]:
                st.markdown("**By epoch**")
                frame = table.reset_index()
                charts.draw(
                    flow_charts.lines(frame, layers, "mean", axis, epoch), f"{name} by epoch",
                    f"{name} of each layer by epoch; its numbers are in the table below",
                )  # fmt: skip
                file = figures.file_name(run, "pixels", name, "epochs", ending="csv")
                code = pixel_code.curve(run, parameters, name, samples, epochs)
                figures.below(run, f"{words} {flow.ISOLATE}", table, f"{name} epochs", file, about, code)


main()
