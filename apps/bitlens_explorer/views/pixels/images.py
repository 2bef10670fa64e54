"""Images on the pixels page: the strips of their maps, the chosen map over its image, and inputs without pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st
import xarray as xr

from bitlens import tables
from bitlens.runs import Run
from bitlens_explorer.results.definitions import DEFINITIONS
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import AnyKnown, described
from bitlens_explorer.results.traced import Traced, call
from bitlens_explorer.state.query import MAPS, Query, change_query
from bitlens_explorer.ui import figure_frame
from bitlens_explorer.ui.bound_widget import bound_widget, switch
from bitlens_explorer.ui.components import heatmap
from bitlens_explorer.ui.pagination import choose_part
from bitlens_explorer.ui.text import capitalized
from bitlens_explorer.views.pixels import captions
from bitlens_explorer.views.pixels.maps import LARGE_SIDE, MOST_UNITS, STRIP_SIDE, large_map, strip_map, unit_map
from bitlens_explorer.views.pixels.units import are_images, axes, color_range, sample_names

MOST_IMAGES, MOST_LAYERS = 6, 10  # shown at once


def show_images(
    run: Run, query: Query, epoch: int, known: AnyKnown, results: Traced, summary: xr.Dataset, answer: Any
) -> None:
    """The strips, and the chosen map in the container `answer`; or the units of inputs that are not images."""
    samples, layers = results.value["sample"].values.tolist(), results.value["layer"].values.tolist()
    image: int = next((sample for sample in samples if sample == query.image), samples[0])
    layer: str = next((name for name in layers if name == query.depth), layers[0])
    if not are_images(run):
        _units(run, epoch, known, results, summary, (image, layer))
        return
    samples = choose_part("Images", samples, MOST_IMAGES, "Images", image)
    layers = choose_part("Layers", layers, MOST_LAYERS, "Layers", layer)
    for kind, variable in captions.VARIABLES.items():
        if variable in results.value:
            shown = results.sel(sample=samples, layer=layers)
            _strip(run, epoch, known, shown, kind, summary, (image, layer))
    with answer:
        _chosen(run, query, epoch, known, results, summary, (image, layer))


def _strip(
    run: Run,
    epoch: int,
    known: AnyKnown,
    results: Traced,
    kind: str,
    summary: xr.Dataset,
    chosen: tuple[int, str],
) -> None:
    """The maps of some images in some layers."""
    shown = results
    variable = captions.VARIABLES[kind]
    figure_frame.title(f"{capitalized(MAPS[kind])} at epoch {epoch}", DEFINITIONS["discarding"])
    drawn, maps, step = strip_map(run, shown.value[variable], kind, epoch, color_range(summary, variable))
    images, layers = maps["sample"].values.tolist(), maps["layer"].values.tolist()
    selected = None
    if chosen[0] in images and chosen[1] in layers:
        selected = (images.index(chosen[0]) * (len(layers) + 1) + 1 + layers.index(chosen[1]), 0)
    heatmap.show(drawn, f"{kind} strip", selected, partial(_pick, images, layers, kind))
    about = {"epoch": epoch, "figure": f"{kind} maps", "settings": described(known), "unit": "bits"}
    caption = captions.strip_caption(run, kind, shown.value, summary, drawn, step, known)
    file = file_name(run, "pixels", kind, f"epoch{epoch}", ending="csv")
    figure_frame.below(run, caption, _table(run, shown, variable, STRIP_SIDE), f"{kind} strip", file, about)


def _table(run: Run, shown: Traced, variable: str, most: int) -> Callable[[], Traced]:
    """The table of the maps as they are drawn, which is long, so it is made when it is looked at."""
    return lambda: call(tables.discarding_maps, shown, variable, axes(run)[0], most)


def _pick(images: list[int], layers: list[str], kind: str, tile: int, _place: int) -> None:
    row, column = divmod(tile, len(layers) + 1)
    if row < len(images) and column > 0:
        change_query(image=images[row], depth=layers[column - 1], map=kind)


def _chosen(
    run: Run,
    query: Query,
    epoch: int,
    known: AnyKnown,
    all_results: Traced,
    summary: xr.Dataset,
    chosen: tuple[int, str],
) -> None:
    """One map over its image, and its numbers."""
    image, layer = chosen
    of_all = all_results.sel(sample=[image], layer=[layer])
    results: xr.Dataset = all_results.value.sel(sample=image, layer=layer)
    name = sample_names(run, [image])[0]
    figure_frame.title(f"Image {name}, layer {layer}, epoch {epoch}")
    with st.container():
        kind = "sid"
        if "uncertainty" in results:
            kind = query.map
            switch(st.segmented_control, "Map", "map", MAPS, str.upper)
        opacity = st.slider("Opacity of the map (%)", 0, 100, 60, 5, key="opacity")
        variable = captions.VARIABLES[kind]
        colors = color_range(summary, variable)
        drawn, step = large_map(run, results[variable], kind, epoch, colors, opacity / 100)
        heatmap.show(drawn, "chosen map", None, lambda _row, _column: None)
        file = file_name(run, "pixels", kind, layer, f"image{image}", f"epoch{epoch}", ending="csv")
        about = {"epoch": epoch, "layer": layer, "sample": image, "figure": f"{kind} map", "unit": "bits"}
        meaning = f"{capitalized(MAPS[kind])} over the image, with the colours above."
        notes = (meaning, captions.grey_note(drawn), captions.averaging_note(run, step))
        caption = " ".join(filter(None, notes))
        figure_frame.below(run, caption, _table(run, of_all, variable, LARGE_SIDE), "chosen map", file, about)
    _numbers(results, known)


def _units(
    run: Run,
    epoch: int,
    known: AnyKnown,
    results: Traced,
    summary: xr.Dataset,
    chosen: tuple[int, str],
) -> None:
    """The units of one sample by layer, and its numbers in one of the layers."""
    st.markdown("The inputs of this run are not images and have no pixels. These are the units of one input.")
    samples, layers = results.value["sample"].values.tolist(), results.value["layer"].values.tolist()
    image, layer = chosen
    names = dict(zip(samples, sample_names(run, samples), strict=True))
    bound_widget(st.selectbox, "Sample", "image", samples, value=image, format_func=names.__getitem__)
    of_sample = results.value.sel(sample=image)
    for kind, variable in captions.VARIABLES.items():
        if variable not in of_sample:
            continue
        figure_frame.title(f"{capitalized(MAPS[kind])} at epoch {epoch}")
        drawn, _ = unit_map(run, of_sample[variable], kind, epoch, color_range(summary, variable))
        heatmap.show(drawn, f"{kind} units", None, partial(_pick_unit, layers, kind))
        about = {"epoch": epoch, "sample": image, "figure": f"{kind} of units", "unit": "bits"}
        file = file_name(run, "pixels", kind, f"sample{image}", f"epoch{epoch}", ending="csv")
        caption = captions.units_caption(kind, summary)
        shown = results.sel(sample=[image])
        figure_frame.below(run, caption, _table(run, shown, variable, MOST_UNITS), f"{kind} units", file, about)
    figure_frame.title(f"Sample {names[image]}, layer {layer}, epoch {epoch}")
    _numbers(of_sample.sel(layer=layer), known)


def _pick_unit(layers: list[str], kind: str, row: int, _unit: int) -> None:
    change_query(depth=layers[row], map=kind)


def _numbers(results: xr.Dataset, known: AnyKnown) -> None:
    st.metric("Mean SID of a unit", f"{float(results['discarding'].mean()):.3f} bits")
    rows = captions.numbers(results, known)
    st.table({"": list(rows), "value": list(rows.values())})
    searches = [results[name] for name in ("converged", "uncertainty_converged") if name in results]
    if not all(map(float, searches)):
        st.warning(
            "⚠ **Not converged.** The search for the largest noise did not come close enough to a maximum, or the "
            "change of the features differs by more than 2 percent from its target. These numbers are rough."
        )
