"""Captions of the pixels page, and the numbers of one image in one layer."""

from __future__ import annotations

from typing import Any, Literal

import xarray as xr

from bitlens import tables
from bitlens.runs import Run
from bitlens_explorer.results.known import AnyKnown, described
from bitlens_explorer.ui.components.heatmap import HeatMap
from bitlens_explorer.ui.text import escape_markdown
from bitlens_explorer.views.pixels.units import averaged_channels

VARIABLES = {"sid": "discarding", "ru": "uncertainty"}
MEANINGS = {
    "sid": "How much noise each pixel can have before the features of the layer change too much: the entropy of that "
    "noise. Brighter pixels are discarded more.",
    "ru": "How uncertain each pixel is when a decoder reconstructs the image from the features of the layer, under the "
    "noise that makes it most uncertain. Brighter pixels are less certain.",
}
UNIT_NOTE = "Such an entropy depends on the unit of the inputs and can be below 0."
Quantity = Literal["discarding", "uncertainty", "concentration"]
CURVES: dict[Quantity, tuple[str, str, str]] = {
    "discarding": (
        "Strict information discarding",
        "SID (bits a unit)",
        "How much of the input a layer discards.",
    ),
    "uncertainty": (
        "Reconstruction uncertainty",
        "RU (bits a unit)",
        "How much of the input cannot be reconstructed from a layer.",
    ),
    "concentration": (
        "Concentration",
        "concentration (bits a unit)",
        "Mean SID outside the object minus mean SID inside it. Above 0, the layer discards more of the background than "
        "of the object.",
    ),
}
"""Title, axis and meaning of a curve over layers, by variable."""
_MOST_NAMED = 8


def strip_caption(
    run: Run, kind: str, results: xr.Dataset, summary: xr.Dataset, drawn: HeatMap, step: int, known: AnyKnown
) -> str:
    """The caption of a strip of maps."""
    parts = [
        MEANINGS[kind],
        scale_note(summary),
        UNIT_NOTE,
        averaging_note(run, step),
        grey_note(drawn),
        "A click chooses an image and a layer.",
        _convergence_note(results, VARIABLES[kind]),
        tables.no_error(results),
    ]
    settings = escape_markdown(described(known))
    return f"{' '.join(filter(None, parts))}\n\nSettings: {settings}."


def units_caption(kind: str, summary: xr.Dataset) -> str:
    """The caption of units that are not pixels."""
    meaning = MEANINGS[kind].replace("pixel", "unit").replace("image", "input")
    return f"{meaning} {scale_note(summary)} {UNIT_NOTE} A click chooses a layer."


def scale_note(summary: xr.Dataset) -> str:
    """What the colours can be compared over."""
    compared = "layers, images and epochs" if "epoch" in summary.dims else "layers and images of this epoch"
    return f"One scale of colours for all {compared}."


def averaging_note(run: Run, step: int) -> str:
    """What each drawn value is the mean of; empty if it is one value."""
    channels = averaged_channels(run)
    parts = [f"the mean over the {channels} channels" if channels else ""]
    parts.append(f"the mean of {step} x {step} pixels" if step > 1 else "")
    means = ", and ".join(filter(None, parts))
    return f"Each value, of the maps and of the input, is {means}." if means else ""


def grey_note(drawn: HeatMap) -> str:
    """The scale of the grey image under a map."""
    if drawn.under is None:
        return ""
    return f"The input is grey, from {drawn.under.min():.3g} (black) to {drawn.under.max():.3g} (white)."


def _convergence_note(results: xr.Dataset, quantity: Any) -> str:
    table = tables.unconverged_maps(results, quantity)
    number = results.sizes["sample"] * results.sizes["layer"]
    if table.empty:
        return "All maps converged."
    names = [f"image {sample} in {layer}" for sample, layer in zip(table["sample"], table["layer"], strict=True)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    first = escape_markdown(", ".join(names[:_MOST_NAMED]))
    return f"**⚠ {len(names)} of {number} maps have not converged**, so their values are rough: {first}{more}."


def curve_note(table: Any) -> str:
    """What the bars and triangles of a curve over layers mean."""
    spread = " Bars: standard deviation over images." if (table["images"] > 1).any() else ""
    if "not_converged" not in table or not table["not_converged"].any():
        return spread
    return f"{spread} Triangles: not all images have converged, so the mean is rough."


def numbers(results: xr.Dataset, known: AnyKnown) -> dict[str, str]:
    """Numbers of one image in one layer, by their name."""
    values = results["discarding"]
    rows = {
        "SID of all units": f"{float(values.sum()):.1f} bits",
        "standard error of the mean SID": f"{float(results['spread']):.4f} bits",
        "mean SID below its maximum by at most": f"{float(results['shortfall']):.4f} bits",
        f"change of the features (target: alpha = {known.parameters.alpha})": f"{float(results['constraint']):.3f}",
        "units at the limit of the noise": f"{float(results['limited']):.1%}",
        "converged": "yes" if float(results["converged"]) else "⚠ no",
    }
    if "uncertainty" in results:
        rows["mean RU of a unit"] = f"{float(results['uncertainty'].mean()):.3f} bits"
        rows["mean RU below its maximum by at most"] = f"{float(results['uncertainty_shortfall']):.4f} bits"
        rows["RU converged"] = "yes" if float(results["uncertainty_converged"]) else "⚠ no"
    if "concentration" in results:
        rows["concentration"] = f"{float(results['concentration']):.3f} bits"
    return rows
