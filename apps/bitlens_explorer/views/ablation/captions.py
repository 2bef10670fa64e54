"""Captions of the ablation page, and the names of orders, scores and roles."""

from __future__ import annotations

from typing import Any

from bitlens.runs import Run
from bitlens_explorer.results.known import AnyKnown
from bitlens_explorer.state.query import NETWORK
from bitlens_explorer.ui.text import count, escape_markdown

ORDERS = {"ascending": "lowest first", "descending": "highest first", "random": "random (mean)"}
SCORES = {"mutual_information": "information about the label", "entropy": "entropy", "selectivity": "selectivity"}
SYMBOLS = {"mutual_information": "I(Y; neuron)", "entropy": "H(neuron)", "selectivity": "selectivity"}
MODES = {"zero": "0", "mean": "their mean"}
ROLES = {
    "needed": "needed",
    "redundant": "redundant",
    "synergistic": "synergistic",
    "inactive": "inactive",
    "sufficient": "sufficient",
    "decisive": "decisive",
    "apart_ascending": "lowest first apart after",
    "apart_descending": "highest first apart after",
}
SPREAD = (
    "How many neurons have which score, with the same scales for all layers. If the scores of layers differ, a ranking "
    "across layers turns off the neurons of one layer before those of another."
)
NOT_MEASURED = "The ablation of neurons has not been measured, and the explorer does not run networks."


def scope_name(scope: str) -> str:
    """The name of a scope in sentences."""
    return "the whole network" if scope == NETWORK else f"layer {scope}"


def curves_caption(run: Run, known: AnyKnown, scope: str, *, compares: bool) -> str:
    """The caption of the curves; `compares` says whether layers and the whole network are shown."""
    parameters = known.parameters
    samples = "other data"
    if parameters.data is None:
        samples = f"the probe, {count(run.manifest.samples, 'sample')}"
    meaning = (
        "How well the network performs while neurons are turned off one after the other (their output becomes "
        f"{MODES[parameters.mode]}), on {samples}. Neurons with a high score matter if turning off the lowest first "
        "costs little and the highest first costs much. Inside the band, which is the range of "
        f"{count(parameters.repeats, 'random order')}, the score says nothing. Thin dashed lines: where the neuron "
        f"chosen below is turned off, in {escape_markdown(scope_name(scope))}. Click an order in the legend to see it "
        "alone."
    )
    if compares:
        meaning += (
            " **Compare the layers with the network:** a relation within each layer can be reversed across layers, "
            "whose neurons differ in their scores (Simpson's paradox)."
        )
    return meaning


def roles_caption(table: Any, tolerance: float) -> str:
    """The rule of the counts, and the scopes without counts."""
    share = f"{100 * tolerance:g} %"
    meaning = (
        "Take the accuracy without any neurons as 0 % and the accuracy with all neurons as 100 %, with a tolerance of "
        f"{share}. **Sufficient** is the number of neurons that remain, lowest first, while the accuracy stays within "
        f"{share} of all. **Decisive** is the number of neurons that have to be turned off, highest first, until it "
        f"stays within {share} of none. Ranked from the highest score, neurons up to both numbers are **needed**; up "
        "to decisive only, **redundant**; up to sufficient only, **synergistic**; beyond both, **inactive**. These "
        "four counts add up to all neurons. *Apart after* is the number of removals after which an order first leaves "
        "the range of the random orders."
    )
    uncounted = [scope_name(str(scope)) for scope in table["scope"][table["needed"].isna()]]
    if uncounted:
        names = escape_markdown(", ".join(uncounted))
        meaning += f"\n\nNot counted: {names}. There the network performs no better than without its neurons."
    return meaning
