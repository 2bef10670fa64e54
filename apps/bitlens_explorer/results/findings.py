"""What a user may want to look at first, from results that the run has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import bitlens
from bitlens import tables
from bitlens.measures import layer_pair_information, training_performance
from bitlens.runs import Run
from bitlens_explorer.results.known import known_sets, load
from bitlens_explorer.results.layer_states import LayerStates, at_epoch, known_plane

_CLEAR = 2.0  # standard errors


@dataclass(frozen=True)
class Finding:
    """A sentence, and where to look."""

    text: str
    page: str
    label: str
    tab: str | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    """Fields of the query."""


def findings(run: Run, epoch: int, states: LayerStates) -> list[Finding]:
    """The findings at one epoch; only of what is measured there."""
    of_channels = [*_dead(run, states), *_duplicates(run, epoch)]
    return [*_confused(run, epoch), *_loss(run, epoch), *of_channels, *_saturated(run, epoch)]


def _confused(run: Run, epoch: int) -> Iterator[Finding]:
    known = next(iter(known_sets(run, training_performance, quiet=True)), None)
    results = at_epoch(load(run, known), epoch)
    if results is None:
        return
    counts = tables.confusion(results.value)
    labels = list(dict.fromkeys(counts["label"]))
    predictions = list(dict.fromkeys(counts["predicted"]))
    wrong = counts[counts["label"] != counts["predicted"]]
    if wrong.empty or not wrong["samples"].max():
        yield Finding("Every sample is predicted correctly.", "training", "Confusion matrix", "Confusion matrix")
        return
    worst = wrong.loc[wrong["samples"].idxmax()]
    total = int(counts["samples"][counts["label"] == worst["label"]].sum())
    text = (
        f"Most confused: {int(worst['samples'])} of {total} samples of class {worst['label']} are predicted as "
        f"{worst['predicted']}."
    )
    cell = labels.index(worst["label"]), predictions.index(worst["predicted"])
    yield Finding(text, "training", "Show these samples", parts={"confused": cell})


def _loss(run: Run, epoch: int) -> Iterator[Finding]:
    plane = known_plane(run, epoch)
    if plane is None or "excess" not in plane.value or plane.value.sizes["layer"] < 2:
        return
    steps = tables.layer_steps(plane.value).dropna(subset=["change", "standard_error"])
    if steps.empty:
        text = (
            "Which layer loses information cannot be told: the information plane has no standard errors, which need "
            "intervals=True and more samples."
        )
        yield Finding(text, "flow", "Information plane")
        return
    clear = steps[steps["change"] < -_CLEAR * steps["standard_error"]]
    if clear.empty:
        text = f"No layer loses information by more than {_CLEAR:g} standard errors, by matrix-based estimates."
        yield Finding(text, "flow", "Information plane")
        return
    worst = clear.loc[clear["change"].idxmin()]
    text = (
        f"Largest loss of information about the {worst['about']}: {-worst['change']:.3f} ± "
        f"{worst['standard_error']:.3f} bits from {worst['before']} to {worst['layer']}, above the null."
    )
    yield Finding(text, "flow", "Information plane")


def _dead(run: Run, states: LayerStates) -> Iterator[Finding]:
    if not states.dead:
        return
    total, measured = sum(states.dead.values()), f"measured: {len(states.dead)} of {len(run.layers)} layers"
    if not total:
        text = f"No channel is dead: each has more than one value on the probe ({measured})."
        yield Finding(text, "channels", "Channels")
        return
    worst = max(states.dead, key=lambda name: states.dead[name])
    channels = run.layer(worst).channels
    text = f"Most dead channels: {states.dead[worst]} of {channels} in {worst}, {total} in all ({measured})."
    yield Finding(text, "channels", f"Channels of {worst}", parts={"a": worst})


def _duplicates(run: Run, epoch: int) -> Iterator[Finding]:
    found: dict[str, dict[int, int]] = {}
    judged: dict[str, tuple[int, str]] = {}  # by layer: the other layer, with its number of measured channels
    for known in known_sets(run, layer_pair_information, quiet=True):
        results = at_epoch(load(run, known, [epoch]), epoch)
        if results is None or known.target[0] == known.target[1]:
            continue
        table = tables.duplicate_channels(results.value)
        for role, layer, other in (("a", *known.target), ("b", *known.target[::-1])):
            channels = results.value.sizes["channel_b" if role == "a" else "channel_a"]
            if channels <= judged.get(layer, (0, ""))[0] or results.value.sizes[f"channel_{role}"] < 2:
                continue
            of_role = table[table["role"] == role]
            judged[layer] = channels, other
            found[layer] = dict(zip(of_role["channel"], of_role["duplicate_of"], strict=True))
    if not judged:
        return
    by = "judged by equal entropy and equal information with every measured channel of a neighbouring layer"
    layers = f"{len(judged)} of {len(run.layers)} layers measured"
    worst = max(found, key=lambda layer: len(found[layer]))
    if not found[worst]:
        yield Finding(f"No channel is a copy of another one in its layer ({by}; {layers}).", "layers", "Layers")
        return
    total = sum(map(len, found.values()))
    channel, original = next(iter(found[worst].items()))
    number, other = judged[worst]
    text = (
        f"Most copies of channels: {len(found[worst])} of {run.layer(worst).channels} in {worst}, {total} in all, such "
        f"as channel {channel} of channel {original} up to sign, scale and offset ({by}, here {number} of {other}; "
        f"{layers})."
    )
    yield Finding(
        text, "embedding", f"Channels {original} and {channel}", parts={"a": worst, "dims": (original, channel)}
    )


def _saturated(run: Run, epoch: int) -> Iterator[Finding]:
    plane = known_plane(run, epoch)
    if plane is None:
        return
    table = tables.saturation(plane.value).dropna(subset=["saturation"])
    if table.empty:
        return
    limit = bitlens.SaturationWarning.limit
    names = table["layer"][table["saturation"] > limit].tolist()
    if names:
        text = f"Saturated, so that estimates say nothing about them: {', '.join(names)} (above {limit:.0%} of log2 n)."
    else:
        worst = table.loc[table["saturation"].idxmax()]
        text = f"No layer is saturated; the highest is {worst['layer']} with {worst['saturation']:.0%} of log2 n."
    yield Finding(text, "flow", "Saturation", "Saturation")
