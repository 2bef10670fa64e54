"""Parts of the pixels page: strips of maps, the chosen map over its image, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st
import xarray as xr

from bitlens.runs import Run
from bitlens_explorer import figures, pixel_code, pixels, selections
from bitlens_explorer import query as queries
from bitlens_explorer.components import heatmap
from bitlens_explorer.query import MAPS, Query
from bitlens_explorer.recorded import Parameters
from bitlens_explorer.words import plain

NEGATIVE = "Such an entropy depends on the unit of the inputs and may be below 0."


def samples(run: Run, query: Query, parameters: Parameters) -> list[int]:
    """The measured images that are selected and of the chosen classes."""
    found = list(dict.fromkeys(parameters["samples"]))
    if query.selection is not None:
        selected = set(selections.selected(run, query))
        found = [sample for sample in found if sample in selected]
    if query.classes and run.labels is not None:
        found = [sample for sample in found if int(run.labels[sample]) in query.classes]
    return found


def place(query: Query, found: xr.Dataset) -> tuple[int, str]:
    """The image and the layer that are looked at: the first where the chosen ones are not among the results."""
    images, layers = found["sample"].values.tolist(), found["layer"].values.tolist()
    image = images[images.index(query.image)] if query.image in images else images[0]
    return image, layers[layers.index(query.depth)] if query.depth in layers else layers[0]


def page(label: str, items: Sequence[Any], most: int, chosen: Any) -> list[Any]:
    """So many of the items; which, is a choice where there are more. It begins with those that have the chosen one."""
    parts = [list(items[i : i + most]) for i in range(0, len(items), most)]
    if len(parts) == 1:
        return parts[0]
    first = next(i for i, part in enumerate(parts) if chosen in part)
    names = [f"{part[0]} to {part[-1]}" for part in parts]
    number = st.selectbox(label, range(len(parts)), first, format_func=names.__getitem__, key=f"page of {label}")
    return parts[number]


def strip(
    run: Run,
    epoch: int,
    parameters: Parameters,
    found: xr.Dataset,
    kind: str,
    ends: xr.Dataset,
    place: tuple[int, str],
) -> None:
    """The maps of some images in all layers."""
    name = pixels.VARIABLES[kind]
    figures.title(f"{_title(kind)} at epoch {epoch}")
    heat_map, drawn, step = pixels.strip(run, found[name], kind, epoch, pixels.limits(ends, name))
    images, layers = drawn["sample"].values.tolist(), drawn["layer"].values.tolist()
    across = len(layers) + 1
    selected = None
    if place[0] in images and place[1] in layers:
        selected = (images.index(place[0]) * across + 1 + layers.index(place[1]), 0)
    heatmap.show(heat_map, f"{kind} strip", selected, partial(_pick, images, layers, kind))
    about = {"epoch": epoch, "figure": f"{kind} maps", "settings": pixels.words(parameters), "unit": "bits"}
    maps = drawn.rename("bits")
    frame = maps.stack(map=["sample", "layer", "row"]).transpose("map", "column").to_pandas()
    code = [
        *pixel_code.load(parameters, epoch),
        *pixel_code.maps(run, name, f"sample={images}, layer={layers}", step),
        "table = maps.transpose('sample', 'layer', 'row', 'column').stack(map=['sample', 'layer', 'row'])",
        "table = table.transpose('map', 'column').to_pandas()",
    ]
    meaning = f"{pixels.MEANINGS[kind]} {_scale(ends)} {NEGATIVE} {_made_of(run, step)}{_grey(heat_map)}"
    meaning += " A click chooses an image and a layer."
    if kind == "sid":
        meaning += _restless(found)
    meaning += f"\n\nSettings: {plain(pixels.words(parameters))}."
    file = figures.file_name(run, "pixels", kind, f"epoch{epoch}", ending="csv")
    figures.below(run, meaning, frame, f"{kind} strip", file, about, code)


def chosen(run: Run, query: Query, epoch: int, parameters: Parameters, found: xr.Dataset, ends: xr.Dataset) -> None:
    """One map large over its image, and its numbers; the results are of one image and one layer."""
    image, layer = int(found["sample"]), str(found["layer"].values)
    name = pixels.sample_names(run, [image])[0]
    figures.title(f"Image {name}, layer {layer}, epoch {epoch}")
    wide, narrow = st.columns([3, 2], gap="large")
    with wide:
        kind = _kind(query, found)
        opacity = st.slider("Opacity of the map (%)", 0, 100, 60, 5, key="opacity")
        variable = pixels.VARIABLES[kind]
        ends_of = pixels.limits(ends, variable)
        heat_map, step = pixels.chosen(run, found[variable], kind, epoch, ends_of, opacity / 100)
        heatmap.show(heat_map, "chosen map", None, lambda _row, _column: None)
        frame = heat_map.table.to_pandas()
        code = [
            *pixel_code.load(parameters, epoch),
            *pixel_code.maps(run, variable, f"sample={image}, layer={layer!r}", step),
            "table = maps.transpose('row', 'column').to_pandas()",
        ]
        file = figures.file_name(run, "pixels", kind, layer, f"image{image}", f"epoch{epoch}", ending="csv")
        about = {"epoch": epoch, "layer": layer, "sample": image, "figure": f"{kind} map", "unit": "bits"}
        meaning = f"{MAPS[kind][0].upper()}{MAPS[kind][1:]} over the image, colours as above.{_grey(heat_map)} "
        figures.below(run, meaning + _made_of(run, step), frame, "chosen map", file, about, code)
    with narrow:
        _numbers(found, parameters)


def inputs_without_pixels(
    run: Run,
    epoch: int,
    parameters: Parameters,
    found: xr.Dataset,
    ends: xr.Dataset,
    image: int,
    layer: str,
) -> None:
    """The units of one sample by layer, and its numbers in one of them."""
    st.markdown("The inputs of this run are no images, so there are no pixels: these are the units of one input.")
    everything, layers = found["sample"].values.tolist(), found["layer"].values.tolist()
    names = dict(zip(everything, pixels.sample_names(run, everything), strict=True))
    key = "query image"
    st.session_state[key] = image
    st.selectbox(
        "Sample",
        everything,
        key=key,
        format_func=names.__getitem__,
        on_change=lambda: queries.change(image=st.session_state[key]),
    )
    of_one = found.sel(sample=image)
    for kind, variable in pixels.VARIABLES.items():
        if variable not in found:
            continue
        figures.title(f"{_title(kind)} at epoch {epoch}")
        heat_map, step = pixels.units(run, of_one[variable], kind, epoch, pixels.limits(ends, variable))
        picked = partial(_pick_unit, layers, kind)
        heatmap.show(heat_map, f"{kind} units", None, picked)
        code = [
            *pixel_code.load(parameters, epoch),
            *pixel_code.maps(run, variable, f"sample={image}", step),
            "table = maps.transpose('layer', 'unit').to_pandas()",
        ]
        about = {"epoch": epoch, "sample": image, "figure": f"{kind} of units", "unit": "bits"}
        file = figures.file_name(run, "pixels", kind, f"sample{image}", f"epoch{epoch}", ending="csv")
        meaning = (
            f"{pixels.MEANINGS[kind].replace('pixel', 'unit').replace('image', 'input')} {_scale(ends)} {NEGATIVE}"
        )
        meaning += " A click chooses a layer."
        figures.below(run, meaning, heat_map.table.to_pandas(), f"{kind} units", file, about, code)
    figures.title(f"Sample {names[image]}, layer {layer}, epoch {epoch}")
    _numbers(of_one.sel(layer=layer), parameters)


def _numbers(found: xr.Dataset, parameters: Parameters) -> None:
    st.metric("Mean SID of a unit", f"{float(found['discarding'].mean()):.3f} bits")
    rows = pixels.numbers(found, parameters)
    st.table({"": list(rows), "value": list(rows.values())})
    if not float(found["converged"]):
        st.warning(
            "⚠ **Not converged.** The search for the largest noise has not come to rest, or the features change more than "
            "2 percent more or less than wanted: take these numbers as rough."
        )


def _kind(query: Query, found: xr.Dataset) -> str:
    """Which of the two maps; a choice where there are two."""
    if "uncertainty" not in found:
        return "sid"
    key = "query map"
    st.session_state[key] = query.map
    st.segmented_control(
        "Map",
        list(MAPS),
        key=key,
        format_func=str.upper,
        required=True,
        on_change=lambda: queries.change(map=st.session_state[key]),
    )
    return query.map


def _pick(images: list[int], layers: list[str], kind: str, tile: int, _place: int) -> None:
    row, column = divmod(tile, len(layers) + 1)
    if row < len(images) and column > 0:
        queries.change(image=images[row], depth=layers[column - 1], map=kind)


def _pick_unit(layers: list[str], kind: str, row: int, _unit: int) -> None:
    queries.change(depth=layers[row], map=kind)


def _title(kind: str) -> str:
    return MAPS[kind][0].upper() + MAPS[kind][1:]


def _scale(ends: xr.Dataset) -> str:
    whole = "layers, images and epochs" if "epoch" in ends.dims else "layers and images of this epoch"
    return f"One scale of colours for all {whole}."


def _made_of(run: Run, step: int) -> str:
    channels = pixels.several_channels(run)
    parts = [f"the mean over the {channels} channels" if channels else ""]
    parts.append(f"the mean of {step} x {step} pixels" if step > 1 else "")
    words = ", and ".join(filter(None, parts))
    return f"Each value, of the maps and of the input, is {words}." if words else ""


def _grey(heat_map: heatmap.HeatMap) -> str:
    if heat_map.under is None:
        return ""
    return f" The input is grey, from {heat_map.under.min():.3g} (black) to {heat_map.under.max():.3g} (white)."


def _restless(found: xr.Dataset) -> str:
    names = pixels.restless(found)
    number = found.sizes["sample"] * found.sizes["layer"]
    if not names:
        return " All have converged."
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f" **⚠ {len(names)} of {number} have not converged**, so are rough: {plain(', '.join(names[:8]))}{more}."
