"""Information of neurons about the label on the ablation page: the numbers of a neuron, and how to measure them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

import bitlens
from bitlens import tables
from bitlens.runs import Run, RunError
from bitlens_explorer.results.ablation import (
    LABELS,
    has_label_information,
    label_layers,
    load_label_information,
    quantizer,
)
from bitlens_explorer.results.known import Parameters
from bitlens_explorer.ui import compute_button
from bitlens_explorer.ui.text import count, escape_markdown, nearest_activations, show_hint, show_warning
from bitlens_explorer.views.ablation.captions import SCORES


def measured_layers(run: Run, epoch: int, parameters: Parameters | None) -> list[str]:
    """Layers whose neurons have been measured with the quantizer of the settings."""
    used = quantizer(parameters)
    return [name for name in label_layers(run) if has_label_information(run, name, used, epoch)]


def show_neuron_numbers(run: Run, epoch: int, parameters: Parameters, layer: str, channel: int) -> None:
    """The information of one neuron about the label, with its expected bias."""
    if run.labels is None:
        return
    used = quantizer(parameters)
    if not has_label_information(run, layer, used, epoch):
        offer_label_information(run, epoch, parameters)
        return
    try:
        table = tables.label_information({layer: load_label_information(run, layer, used, epoch)})
    except RunError as error:
        show_warning(error)
        return
    neuron = table[table["channel"] == channel].iloc[0]
    rows = {
        name: f"{neuron[score]:.3f} bits (expected error {neuron[f'{score}_bias']:+.3f})"
        for score, name in SCORES.items()
    }
    number = int(neuron["preferred_class"])
    known = 0 <= number < len(run.classes)
    rows["class separated best"] = escape_markdown(run.classes[number]) if known else str(number)
    st.table({"": list(rows), "value": [rows[name] for name in rows]})
    st.markdown(f"From its values on the probe, quantized by {escape_markdown(repr(used))}.")


def offer_label_information(run: Run, epoch: int, parameters: Parameters | None) -> None:
    """A button for the layers that are not measured yet."""
    used, measured = quantizer(parameters), measured_layers(run, epoch, parameters)
    missing = [name for name in label_layers(run) if name not in measured]
    if not missing:
        return
    layers = count(len(missing), "layer")
    what = f"The information of neurons about the label has not been measured at epoch {epoch} in {layers}"
    if epoch not in run.epochs:
        show_hint(f"{what}, and only results were recorded at this epoch.", nearest_activations(run, epoch))
        return
    show_hint(f"{what}: {escape_markdown(', '.join(missing))}.", "press the button; a layer takes seconds.")
    steps = [
        (f"layer {name}", lambda name=name: bitlens.label_information(run, name, used, epochs=[epoch]))
        for name in missing
    ]
    compute_button.offer(f"information about the label, {layers}", "compute label information", steps)


def label_code(layers: Sequence[str], epoch: int, parameters: Parameters | None) -> list[str]:
    """The lines of Python that make the table of the scores of neurons."""
    used = quantizer(parameters)
    return [
        "from bitlens import tables",
        "",
        f"layers = {list(layers)!r}",
        f"by_layer = {{name: bitlens.{LABELS}(run, name, bitlens.{used!r}, epochs=[{epoch}]) for name in layers}}",
        "table = tables.label_information(by_layer)[['layer', 'channel', 'mutual_information']]",
    ]
