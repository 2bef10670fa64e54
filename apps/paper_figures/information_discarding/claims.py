"""The paper's claims about its figures, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from paper_figures.common.page import Tables
from paper_figures.common.verdict import Outcome, Verdict, halves, most, together
from paper_figures.information_discarding.comparisons import (
    LEAST_REBUILT,
    MEASURES,
    MOST,
    between,
    counts,
    differences,
    rests,
    sizes,
)
from paper_figures.information_discarding.networks import SHARES
from paper_figures.information_discarding.study import Settings

SAME_BITS = 0.05
"""Bits per pixel by which an entropy may change and still count as unchanged: the accuracy of the searches."""
SAME_SHARE = 0.05
"""Share by which a magnitude may change and still count as unchanged."""
_CLASSIFIERS = ("lenet", "plain", "resnet")
_BEYOND = "by more than the sum of the deviations between at least 3 seeds of both networks"
_RESTED = (
    "Values of which no more than half of the searches came to rest decide nothing, and neither does an RU whose "
    f"decoder rebuilds at most {LEAST_REBUILT:.0%} of the variance of test images."
)


def judge(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Verdict]:
    """Return the verdicts by the name of their figure or subject."""
    return {
        "figure-1": coherency(tables["figure-1"]),
        "depth": deep_and_shallow(tables["figure-3"]),
        "tasks": tasks(tables["figure-3"]),
        "figure-4a": damage(tables["figure-4a"]),
        "figure-4b": compression(tables["figure-4b"]),
        "figure-5a": distillation(tables["figure-5a"]),
        "figure-5b": learning(tables["figure-5b"]),
    }


def coherency(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 1."""
    parts: list[str] = []
    held: dict[str, Outcome] = {}
    for measure, rows in table.groupby("measure", sort=False):
        if measure in MEASURES:
            change = (rows.after - rows.before).abs()
            rested = rows.groupby("layer", sort=False).converged.mean()
            unchanged: Outcome = bool((change <= SAME_BITS).all()) if (rested > MOST).all() else None
            came = ", ".join(f"{layer} {share:.0%}" for layer, share in rested.items())
            parts.append(f"{measure} changes by at most {change.max():.3f} bits (came to rest: {came})")
            held[f"{_capitalized(measure)} does not change"] = unchanged
        else:
            ratio = rows.after / rows.before
            parts.append(f"{measure} becomes {ratio.min():.2f} to {ratio.max():.2f} times as large")
            largest = (ratio - 1).abs().groupby(rows.seed).max()
            held[f"{_capitalized(measure)} changes"] = bool((largest > SAME_SHARE).all())
    return Verdict(
        "Rescaling changes gradient maps and Grad-CAM, and does not change SID, RU and concentration.",
        "Each network is compared with itself after the rescaling, so that no difference between seeds matters. An "
        f"entropy counts as unchanged if it changes by at most {SAME_BITS} bits per pixel in every layer of every "
        "seed, which is not decided unless most of the searches came to rest in every layer; a magnitude counts as "
        f"changed if it changes by more than {SAME_SHARE:.0%} in a layer of every seed.",
        f"Here, {'; '.join(parts)}.",
        held,
    )


def deep_and_shallow(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 3 for deep and shallow networks."""
    parts, held = [], {}
    for measure in MEASURES:
        pairs = [differences(table, deep, "lenet", measure) for deep in ("plain", "resnet")]
        both = [*pairs[0], *pairs[1]]
        parts.append(f"{measure} is {counts(both)} (plain CNN {sizes(pairs[0])}; ResNet {sizes(pairs[1])})")
        held[_capitalized(measure)] = most(one.higher for one in both)
    return Verdict(
        "A deep network usually has higher SID, RU and concentration than a shallow one.",
        "Both deep networks are compared with the LeNet at the relative depths at which both were measured. The claim "
        f"counts as held if most of these values are higher {_BEYOND}. {_RESTED}",
        f"Here, {'; '.join(parts)}.\n\n{rests(table[table.network.isin(_CLASSIFIERS)])}",
        held,
    )


def tasks(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 3 for classification and reconstruction."""
    rows = differences(table, "autoencoder", "resnet", "SID")
    limits: dict[float, float] = {}
    for one, other in ((one, other) for one in _CLASSIFIERS for other in _CLASSIFIERS if one < other):
        pair = differences(table, one, other, "SID")
        for depth, difference in zip(pair.depths, pair, strict=True):
            if difference.seeds:
                limits[depth] = max(limits.get(depth, 0.0), abs(difference.mean))
    similar = [
        difference.within(limits[depth]) if depth in limits else None
        for depth, difference in zip(rows.depths, rows, strict=True)
    ]
    largest = ", ".join(f"{limits[depth]:.3f}" if depth in limits else "unknown" for depth in rows.depths)
    return Verdict(
        "Networks for classification and for reconstruction have similar SID.",
        "The auto-encoder is compared with the ResNet, whose layers it has. Their SID counts as similar if the "
        "difference is at most the largest difference between two of the classifiers that were measured at this depth, "
        "and as different if it is larger; it is not decided where the sum of the deviations between at least 3 seeds "
        f"could change that. The claim counts as held if most of the layers are similar. {_RESTED}",
        f"Here, the SID of the auto-encoder less that of the ResNet is {sizes(rows)}; the largest differences "
        f"between classifiers are {largest} bits. {_tally(similar, 'similar', 'different')}\n\n"
        f"{rests(table[table.measure == 'SID'])}",
        {"": most(similar)},
    )


def damage(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 4a."""
    behind = table[table.depth >= table[table.layer == "inserted"].depth.min()]
    compared = {measure: differences(behind, "damaged", "resnet", measure) for measure in MEASURES}
    parts = [f"{measure} is {counts(rows)} ({sizes(rows)})" for measure, rows in compared.items()]
    return Verdict(
        "The inserted block significantly increases information discarding.",
        f"The claim counts as held if SID is higher {_BEYOND} in most of the layers from the inserted block on. The "
        f"output of this block is compared with that of the block before it in the undamaged network. {_RESTED}",
        f"Here, {'; '.join(parts)}.\n\n{rests(table)}",
        {"": most(compared["SID"].higher)},
    )


def compression(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 4b."""
    parts, held = [], {}
    for measure in MEASURES:
        by_share = {share: differences(table, f"pruned-{share}", "plain", measure) for share in SHARES}
        rows = [difference for part in by_share.values() for difference in part]
        values = "; ".join(f"{share}% pruned {sizes(part)}" for share, part in by_share.items())
        parts.append(f"{measure} is {counts(rows)} ({values})")
        if measure == "SID":
            held["SID decreases"] = most(difference.lower for difference in rows)
        else:
            unchanged = most(difference.within(SAME_BITS) for difference in rows)
            held[f"{_capitalized(measure)} is not significantly affected"] = unchanged
    return Verdict(
        "Compression decreases SID and does not significantly affect RU and concentration.",
        f"For SID, the claim counts as held if most of the layers of all pruned networks are lower {_BEYOND}; for RU "
        f"and concentration, if most of the layers change by at most {SAME_BITS} bits per pixel, which is not decided "
        f"where these deviations could change that. {_RESTED}",
        f"Here, compared with the network before pruning, {'; '.join(parts)}.\n\n{rests(table)}",
        held,
    )


def distillation(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 5a."""
    rows = differences(table, "distilled", "lenet", "SID")
    return Verdict(
        "Networks that learned by distillation discard less information.",
        f"The claim counts as held if SID is lower {_BEYOND} in most of the layers. {_RESTED}",
        f"Here, SID with a teacher is {counts(rows)}. From the first layer to the last, the difference is "
        f"{sizes(rows)}.\n\n{rests(table[table.measure == 'SID'])}",
        {"": most(rows.lower)},
    )


def learning(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 5b."""
    parts = []
    for block in table.layer.unique():
        rows = table[(table.layer == block) & (table.measure == "SID")].sort_values("epoch")
        first, last = rows.iloc[0], rows.iloc[-1]
        inner = rows.iloc[1:-1]
        lowest = inner.loc[inner.value.idxmin()] if len(inner) else last
        falls, rises = between(first, lowest), between(last, lowest)
        parts.append(
            f"the SID of {block} starts at {first.value:.3f} bits per pixel, has its lowest value in between after "
            f"epoch {lowest.epoch:.0f} with {lowest.value:.3f}, and ends at {last.value:.3f} (allowed: "
            f"{falls.allowed:.3f} and {rises.allowed:.3f})"
        )
    statements = {f"{block} first takes up information": falls.higher, "it later discards it": rises.higher}
    return Verdict(
        "Information discarding in high layers agrees with the information bottleneck theory: a layer first takes up "
        "information and later discards it.",
        "The claim counts as held if the SID of the last block is lower at some epoch in between than at the start, "
        "and lower than at the end, by more than the sum of the deviations between at least 3 seeds. It did not hold "
        f"if all values in between are higher than that of the start, or than that of the end. {_RESTED}",
        f"Here, {'; '.join(parts)}. For the last block: {halves(statements)}\n\n{rests(table[table.measure == 'SID'])}",
        {"": together(statements.values())},
    )


def _tally(outcomes: Sequence[Outcome], yes: str, no: str) -> str:
    counts = [outcomes.count(which) for which in (True, False, None)]
    return f"{counts[0]} of {len(outcomes)} layers are {yes}, {counts[1]} {no}, {counts[2]} not decided."


def _capitalized(measure: str) -> str:
    return measure[0].upper() + measure[1:]
