"""What is known of every layer at one epoch: its bits and its dead channels."""

from __future__ import annotations

from dataclasses import dataclass

from bitlens import tables
from bitlens.measures import channel_entropies, information_plane, layer_diversity
from bitlens.runs import Run
from bitlens_explorer.results import flow
from bitlens_explorer.results.known import known_sets, load, stored_epochs
from bitlens_explorer.results.traced import Traced

ABOUT_LABELS = "information about the labels above its null, matrix-based"
DIVERSITY = "inter-sample entropy"


@dataclass(frozen=True)
class LayerStates:
    """Numbers by layer; a layer without a number is missing."""

    quantity: str
    """What the bits are."""
    bits: dict[str, float]
    dead: dict[str, int]


def layer_states(run: Run, epoch: int) -> LayerStates:
    """The bits of the layers at an epoch: about the labels where they are measured, else their entropies.

    Every page needs them, so single variables are selected; to select all variables of a Dataset takes longer.
    """
    dead: dict[str, int] = {}
    for known in known_sets(run, channel_entropies, quiet=True):
        results = load(run, known)
        if results is not None and epoch in stored_epochs(results):
            dead.setdefault(known.target[0], int(results.value["dead"].sel(epoch=epoch).sum()))
    plane = _all_epochs(run)
    measured = plane is not None and epoch in stored_epochs(plane) and "excess" in plane.value
    if plane is not None and measured and "labels" in plane.value["about"].values:
        excess = plane.value["excess"].sel(epoch=epoch, about="labels").dropna("layer")
        bits = dict(zip(excess["layer"].values.tolist(), excess.values.tolist(), strict=True))
        return LayerStates(ABOUT_LABELS, bits, dead)
    of_layers = next(iter(known_sets(run, layer_diversity, quiet=True)), None)
    diversity = at_epoch(load(run, of_layers), epoch)
    if diversity is None:
        return LayerStates(DIVERSITY, {}, dead)
    rows = tables.layer_diversity(diversity.value)
    entropies = rows["inter_sample_entropy"].astype(float)
    return LayerStates(DIVERSITY, dict(zip(rows["layer"], entropies, strict=True)), dead)


def known_plane(run: Run, epoch: int) -> Traced | None:
    """The matrix-based information plane of an epoch, with the settings that are shown first."""
    return at_epoch(_all_epochs(run), epoch)


def _all_epochs(run: Run) -> Traced | None:
    sets = known_sets(run, information_plane, quiet=True)
    known = next((known for known in sets if known.parameters.estimator == flow.ESTIMATOR), None)
    return load(run, known)


def at_epoch(results: Traced | None, epoch: int) -> Traced | None:
    """Results of one epoch, if they have it."""
    return results.sel(epoch=epoch) if results is not None and epoch in stored_epochs(results) else None
