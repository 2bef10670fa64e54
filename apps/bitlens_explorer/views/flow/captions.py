"""Captions of the information-flow page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bitlens import SaturationWarning, tables
from bitlens_explorer.results.known import value_text
from bitlens_explorer.ui.charts import ISOLATE
from bitlens_explorer.ui.text import count, escape_markdown, number_ranges

DASHED = f"Dashed: the same estimate for shuffled samples, which have no true information. {ISOLATE}"
MEANINGS = {
    "renyi": "The information of each layer about the input and about the labels, estimated from kernel matrices. The "
    "estimate is biased upward.",
    "binning": "The information of each layer, whose values are sorted into bins of equal width. In a layer with many "
    "units each sample has its own bin, so the estimate reaches its limit.",
    "kde": "An upper bound of the information of each layer, from a Gaussian around each sample. The tooltip and the "
    "table contain the lower bound.",
    "modified": "Weighted non-redundant information, mean over pairs of channels: information that only one of two "
    "channels has, plus twice the information that only both together have.",
}
CHAINS = {
    "forward": (
        "layer, from the input on",
        "I(input; layer) (bits)",
        "The information of each layer about the input. By the data-processing inequality it cannot increase from "
        "layer to layer. Grey: shuffled samples. ",
    ),
    "backward": (
        "layer, from the output back",
        "I(error at output; error at layer) (bits)",
        "The information of the loss gradients at each layer about those at the output. It cannot increase on the way "
        "back. Grey: shuffled samples. ",
    ),
}
"""Titles of the axes, and the meaning, by chain."""
SHARES = {
    "redundancy_synergy": (
        "Redundancy - synergy",
        "information that both channels have, minus information that only both together have (mean over pairs). It is "
        "below 0 for unrelated channels too, which does not mean synergy: only the distance to the dashed line counts",
    ),
    "weighted_nonredundant": (
        "Weighted non-redundant information",
        "information that only one of two channels has, plus twice the information that only both together have (mean "
        "over pairs)",
    ),
}


def settings_text(settings: Mapping[str, object]) -> str:
    """Shared settings as text for choices."""
    return ", ".join(f"{name.replace('_', ' ')} {value_text(value)}" for name, value in settings.items())


def verdict_caption(table: Any, epoch: int, column: str = "verdict") -> str:
    """The layers whose numbers at the epoch are less than measured, by verdict."""
    doubtful = table[(table["epoch"] == epoch) & (table[column] != tables.MEASURED)]
    number = int((table["epoch"] == epoch).sum())
    parts = []
    for verdict, rows in doubtful.groupby(column, sort=False):
        names = [escape_markdown(f"{row.layer} ({row.about})") for row in rows.itertuples()]
        parts.append(f"{verdict}: {'all layers' if len(names) == number else ', '.join(names)}")
    return f"At epoch {epoch}, {'; '.join(parts)}." if parts else ""


def limits_caption(bounds: Mapping[str, float]) -> str:
    """The largest values that the information can have, which are drawn as long dashes where they are in view."""
    limits = ", ".join(f"H({about}) = {value:.3f} bits" for about, value in bounds.items())
    return f"It is at most {limits} (long dashes, where in view)." if limits else ""


def saturation_caption(table: Any) -> str:
    """Which layers are saturated, and what saturation means."""
    saturated = table[table["saturation"] > SaturationWarning.limit]
    epochs = {name: number_ranges(rows["epoch"].tolist()) for name, rows in saturated.groupby("layer", sort=False)}
    named = "; ".join(f"{escape_markdown(name)} at epoch {at}" for name, at in epochs.items())
    verdict = f"**Saturated: {named}.**" if named else "**No layer is saturated.**"
    return (
        "The entropy of each layer as a share of log2 n, the largest entropy of n samples. Above the orange line "
        f"({SaturationWarning.limit}) the kernel treats all samples as different. Then the estimated information of "
        f"any layer about the input, also of shuffled samples, equals the entropy of the input. {verdict} {ISOLATE}"
    )


def violations_caption(chain: Any) -> str:
    """The violations of a chain at one epoch, one by one."""
    before = chain["layer"].shift()
    violations = chain[chain["violation"]]
    steps = [
        f"\n- {escape_markdown(row['layer'])} has {row['rise']:.4f} bits more than {escape_markdown(before[i])} "
        f"(allowed {row['allowed']:.4f})"
        for i, row in violations.iterrows()
    ]
    marked = " (triangles)" if steps else ""
    return f"**{count(len(steps), 'violation')}{marked}.** " + "".join(steps)
