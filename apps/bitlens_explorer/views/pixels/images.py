"""Images on the pixels page: the strips of their maps, the chosen map over its image, and inputs without pixels."""

from __future__ import annotations

from functools import partial

import streamlit as st
import xarray as xr

from bitlens.runs import Run
from bitlens_explorer.results.export import file_name
from bitlens_explorer.results.known import Parameters
from bitlens_explorer.state.query import MAPS, Query, change_query
from bitlens_explorer.ui import figure_frame
from bitlens_explorer.ui.bound_widget import bound_widget, switch
from bitlens_explorer.ui.components import heatmap
from bitlens_explorer.ui.pagination import choose_part
from bitlens_explorer.ui.text import capitalized
from bitlens_explorer.views.pixels import captions
from bitlens_explorer.views.pixels.maps import large_map, strip_map, unit_map
from bitlens_explorer.views.pixels.units import are_images, color_range, maps_code, sample_names

MOST_IMAGES, MOST_LAYERS = 6, 10  # shown at once


def show_images(
    run: Run, query: Query, epoch: int, parameters: Parameters, results: xr.Dataset, summary: xr.Dataset
) -> None:
    """The strips and the chosen map; or the units of inputs that are not images."""
    samples, layers = results["sample"].values.tolist(), results["layer"].values.tolist()
    image: int = next((sample for sample in samples if sample == query.image), samples[0])
    layer: str = next((name for name in layers if name == query.depth), layers[0])
    if not are_images(run):
        _units(run, epoch, parameters, results, summary, (image, layer))
        return
    samples = choose_part("Images", samples, MOST_IMAGES, "Images", image)
    layers = choose_part("Layers", layers, MOST_LAYERS, "Layers", layer)
    for kind, variable in captions.VARIABLES.items():
        if variable in results:
            shown = results.sel(sample=samples, layer=layers)
            _strip(run, epoch, parameters, shown, kind, summary, (image, layer))
    _chosen(run, query, epoch, parameters, results.sel(sample=image, layer=layer), summary)


def _strip(
    run: Run,
    epoch: int,
    parameters: Parameters,
    results: xr.Dataset,
    kind: str,
    summary: xr.Dataset,
    chosen: tuple[int, str],
) -> None:
    """The maps of some images in some layers."""
    variable = captions.VARIABLES[kind]
    figure_frame.title(f"{capitalized(MAPS[kind])} at epoch {epoch}")
    drawn, maps, step = strip_map(run, results[variable], kind, epoch, color_range(summary, variable))
    images, layers = maps["sample"].values.tolist(), maps["layer"].values.tolist()
    selected = None
    if chosen[0] in images and chosen[1] in layers:
        selected = (images.index(chosen[0]) * (len(layers) + 1) + 1 + layers.index(chosen[1]), 0)
    heatmap.show(drawn, f"{kind} strip", selected, partial(_pick, images, layers, kind))
    settings = captions.describe_settings(parameters)
    about = {"epoch": epoch, "figure": f"{kind} maps", "settings": settings, "unit": "bits"}
    table = maps.rename("bits").stack(map=["sample", "layer", "row"]).transpose("map", "column").to_pandas()
    code = [
        *load_code(parameters, epoch),
        *maps_code(run, variable, f"sample={images}, layer={layers}", step),
        "table = maps.transpose('sample', 'layer', 'row', 'column').stack(map=['sample', 'layer', 'row'])",
        "table = table.transpose('map', 'column').to_pandas()",
    ]
    caption = captions.strip_caption(run, kind, results, summary, drawn, step, parameters)
    file = file_name(run, "pixels", kind, f"epoch{epoch}", ending="csv")
    figure_frame.below(run, caption, table, f"{kind} strip", file, about, code)


def _pick(images: list[int], layers: list[str], kind: str, tile: int, _place: int) -> None:
    row, column = divmod(tile, len(layers) + 1)
    if row < len(images) and column > 0:
        change_query(image=images[row], depth=layers[column - 1], map=kind)


def _chosen(
    run: Run, query: Query, epoch: int, parameters: Parameters, results: xr.Dataset, summary: xr.Dataset
) -> None:
    """One map over its image, and its numbers; the results are of one image and one layer."""
    image, layer = int(results["sample"]), str(results["layer"].values)
    name = sample_names(run, [image])[0]
    figure_frame.title(f"Image {name}, layer {layer}, epoch {epoch}")
    left, right = st.columns([3, 2], gap="large")
    with left:
        kind = "sid"
        if "uncertainty" in results:
            kind = query.map
            switch(st.segmented_control, "Map", "map", MAPS, str.upper)
        opacity = st.slider("Opacity of the map (%)", 0, 100, 60, 5, key="opacity")
        variable = captions.VARIABLES[kind]
        colors = color_range(summary, variable)
        drawn, step = large_map(run, results[variable], kind, epoch, colors, opacity / 100)
        heatmap.show(drawn, "chosen map", None, lambda _row, _column: None)
        code = [
            *load_code(parameters, epoch),
            *maps_code(run, variable, f"sample={image}, layer={layer!r}", step),
            "table = maps.transpose('row', 'column').to_pandas()",
        ]
        file = file_name(run, "pixels", kind, layer, f"image{image}", f"epoch{epoch}", ending="csv")
        about = {"epoch": epoch, "layer": layer, "sample": image, "figure": f"{kind} map", "unit": "bits"}
        meaning = f"{capitalized(MAPS[kind])} over the image, with the colours above."
        notes = (meaning, captions.grey_note(drawn), captions.averaging_note(run, step))
        caption = " ".join(filter(None, notes))
        figure_frame.below(run, caption, drawn.table.to_pandas(), "chosen map", file, about, code)
    with right:
        _numbers(results, parameters)


def _units(
    run: Run,
    epoch: int,
    parameters: Parameters,
    results: xr.Dataset,
    summary: xr.Dataset,
    chosen: tuple[int, str],
) -> None:
    """The units of one sample by layer, and its numbers in one of the layers."""
    st.markdown("The inputs of this run are not images and have no pixels. These are the units of one input.")
    samples, layers = results["sample"].values.tolist(), results["layer"].values.tolist()
    image, layer = chosen
    names = dict(zip(samples, sample_names(run, samples), strict=True))
    bound_widget(st.selectbox, "Sample", "image", samples, value=image, format_func=names.__getitem__)
    of_sample = results.sel(sample=image)
    for kind, variable in captions.VARIABLES.items():
        if variable not in results:
            continue
        figure_frame.title(f"{capitalized(MAPS[kind])} at epoch {epoch}")
        drawn, step = unit_map(run, of_sample[variable], kind, epoch, color_range(summary, variable))
        heatmap.show(drawn, f"{kind} units", None, partial(_pick_unit, layers, kind))
        code = [
            *load_code(parameters, epoch),
            *maps_code(run, variable, f"sample={image}", step),
            "table = maps.transpose('layer', 'unit').to_pandas()",
        ]
        about = {"epoch": epoch, "sample": image, "figure": f"{kind} of units", "unit": "bits"}
        file = file_name(run, "pixels", kind, f"sample{image}", f"epoch{epoch}", ending="csv")
        caption = captions.units_caption(kind, summary)
        figure_frame.below(run, caption, drawn.table.to_pandas(), f"{kind} units", file, about, code)
    figure_frame.title(f"Sample {names[image]}, layer {layer}, epoch {epoch}")
    _numbers(of_sample.sel(layer=layer), parameters)


def _pick_unit(layers: list[str], kind: str, row: int, _unit: int) -> None:
    change_query(depth=layers[row], map=kind)


def _numbers(results: xr.Dataset, parameters: Parameters) -> None:
    st.metric("Mean SID of a unit", f"{float(results['discarding'].mean()):.3f} bits")
    rows = captions.numbers(results, parameters)
    st.table({"": list(rows), "value": list(rows.values())})
    if not float(results["converged"]):
        st.warning(
            "⚠ **Not converged.** The search for the largest noise did not converge, or the change of the features "
            "differs by more than 2 percent from its target. These numbers are rough."
        )


def load_code(parameters: Parameters, epoch: int) -> list[str]:
    """The lines of Python that load the results of an epoch."""
    return [f"parameters = {parameters!r}", f'results = run.results.load("layer_discarding", parameters, {epoch})']
