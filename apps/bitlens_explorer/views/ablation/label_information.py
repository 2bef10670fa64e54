"""Information of neurons about the label on the ablation page: the numbers of a neuron, and how to measure them."""

from __future__ import annotations

import streamlit as st

from bitlens import tables
from bitlens.measures import label_information
from bitlens.runs import Run
from bitlens_explorer.results.ablation import label_sets, label_settings, load_labels
from bitlens_explorer.results.known import AnyKnown, described, missing_tasks
from bitlens_explorer.results.traced import Traced
from bitlens_explorer.ui import compute_button
from bitlens_explorer.ui.text import count, escape_markdown, nearest_activations, show_hint, show_warning
from bitlens_explorer.views.ablation.captions import SCORES


def show_neuron_numbers(run: Run, epoch: int, ablation: AnyKnown, layer: str, channel: int) -> None:
    """The information of one neuron about the label, with its expected bias."""
    if run.labels is None:
        return
    sets = label_sets(run, ablation)
    by_layer, known = load_labels(run, sets, epoch), sets.get(layer)
    if layer not in by_layer or known is None:
        offer_label_information(run, epoch, ablation, sets, by_layer)
        return
    try:
        table = tables.label_information({layer: by_layer[layer].value})
    except ValueError as error:
        show_warning(error)
        return
    neuron = table[table["channel"] == channel].iloc[0]
    rows = {
        name: f"{neuron[score]:.3f} bits (expected error {neuron[f'{score}_bias']:+.3f})"
        for score, name in SCORES.items()
    }
    rows["excess over shuffled labels"] = tables.estimate(neuron["excess"], neuron["excess_error"], neuron["verdict"])
    rows["verdict on the information"] = neuron["verdict"]
    if neuron["range_decides"]:
        rows["verdict on the entropy"] = "rough: the most extreme values decide it"
    rows["p-value"] = tables.p_value(neuron["p_value"], int(known.parameters.permutations))
    number = int(neuron["preferred_class"])
    is_class = 0 <= number < len(run.classes)
    rows["class separated best"] = escape_markdown(run.classes[number]) if is_class else str(number)
    st.table({"": list(rows), "value": [rows[name] for name in rows]})
    st.markdown(f"From its values on the probe: {escape_markdown(described(known))}.")


def offer_label_information(
    run: Run, epoch: int, ablation: AnyKnown | None, sets: dict[str, AnyKnown | None], by_layer: dict[str, Traced]
) -> None:
    """A button for the layers that are not measured yet."""
    missing = [name for name in sets if name not in by_layer]
    if not missing:
        return
    layers = count(len(missing), "layer")
    what = f"The information of neurons about the label has not been measured at epoch {epoch} in {layers}"
    if epoch not in run.epochs:
        show_hint(f"{what}, and only results were recorded at this epoch.", nearest_activations(run, epoch))
        return
    show_hint(f"{what}: {escape_markdown(', '.join(missing))}.", "press the button; a layer takes seconds.")
    settings = label_settings(ablation)
    tasks = [
        task
        for name in missing
        for task in missing_tasks(run, label_information, (name,), sets[name], None, **settings)
        if task.epoch == epoch
    ]
    compute_button.offer(run, f"information about the label, {layers}", "compute label information", tasks)
