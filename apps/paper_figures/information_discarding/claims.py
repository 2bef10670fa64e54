"""What the paper says of each figure, and what the tables say of that: paragraphs whose numbers and verdicts are computed."""

from __future__ import annotations

import pandas as pd

from paper_figures.information_discarding.networks import BLOCKS, SHARES
from paper_figures.information_discarding.pictures import named
from paper_figures.information_discarding.tables import DEPTHS, MEASURES, differences, higher, lower

SAME_BITS = 0.05
"""Bits of a pixel by which an entropy may change and still count as the same; the searches are as exact as that."""
SAME_SHARE = 0.05
"""Share by which a magnitude may."""
_CLASSIFIERS = ("lenet", "plain", "resnet")


def coherency(table: pd.DataFrame) -> str:
    """Fig. 1."""
    lines = [
        "The paper: rescaling changes gradient maps and Grad-CAM, and leaves SID, RU and concentration as they were. An entropy "
        f"counts as the same where it changes by no more than {SAME_BITS} bits a pixel in every layer, a magnitude where it "
        f"changes by no more than {SAME_SHARE:.0%}."
    ]
    parts, verdicts = [], []
    for measure, rows in table.groupby("measure", sort=False):
        if measure in MEASURES:
            change = (rows.after - rows.before).abs()
            same = bool((change <= SAME_BITS).all())
            parts.append(f"{measure} changes by at most {change.max():.3f} bits")
        else:
            ratio = rows.after / rows.before
            same = bool(((ratio - 1).abs() <= SAME_SHARE).all())
            parts.append(f"{measure} becomes {ratio.min():.2f} to {ratio.max():.2f} times what it was")
        held = same == (measure in MEASURES)
        verdicts.append(f"**{_first(measure)} {'stayed the same' if same else 'changed'}: the claim {_held(held)}.**")
    return "\n\n".join([*lines, f"Here, {'; '.join(parts)}.", " ".join(verdicts)])


def deep_and_shallow(table: pd.DataFrame) -> str:
    """Fig. 3: depth."""
    lines = [
        "The paper: a deep network usually has higher SID, RU and concentration than a shallow one. Both deep networks are "
        f"compared with the LeNet at {len(DEPTHS)} depths between the first and the last layer; *higher* is by more than the "
        "deviations between the seeds of both. It is counted as held where most of the comparisons are higher."
    ]
    parts, verdicts = [], []
    for measure in MEASURES:
        pairs = [differences(table, deep, "lenet", measure, DEPTHS) for deep in ("plain", "resnet")]
        rows = pd.concat(pairs)
        parts.append(f"{measure} is {_counted(rows, 'depths')} (plain CNN {_mean(pairs[0])}, ResNet {_mean(pairs[1])})")
        verdicts.append(f"**{_first(measure)}: the claim {_held(_most(higher(rows)))}.**")
    return "\n\n".join([*lines, f"Here, {'; '.join(parts)}.", " ".join(verdicts)])


def tasks(table: pd.DataFrame) -> str:
    """Fig. 3: classification and reconstruction."""
    rows = differences(table, "autoencoder", "resnet", "SID")
    between = pd.concat(
        [
            differences(table, one, other, "SID", list(rows.depth)).difference.abs()
            for one in _CLASSIFIERS
            for other in _CLASSIFIERS
            if one < other
        ],
        axis=1,
    ).max(axis=1)
    alike = (rows.difference.abs() <= between) | ~(higher(rows) | lower(rows))
    return (
        "The paper: classification and reconstruction have similar SID. *Similar* is a difference between the auto-encoder and "
        "the ResNet, whose layers it has, that is no larger than the largest between two of the classification networks at "
        "this depth, or than the deviations between seeds; it is counted as held where most of the layers are similar.\n\n"
        f"Here, the auto-encoder's SID less the ResNet's is {_bits(rows.difference)} from the first layer to the last, and "
        f"classification networks are {_bits(between, sign=False)} apart: {alike.sum()} of {len(rows)} layers are similar.\n\n"
        f"**The claim {_held(_most(alike))}.**"
    )


def damage(table: pd.DataFrame) -> str:
    """Fig. 4a."""
    depth = table[table.layer == "inserted"].depth.min()
    found = {measure: differences(table, "damaged", "resnet", measure) for measure in MEASURES}
    behind = {measure: rows[rows.depth >= depth] for measure, rows in found.items()}
    parts = [f"{measure} is {_counted(rows)} ({_mean(rows)})" for measure, rows in behind.items()]
    return (
        "The paper: the inserted block significantly boosts information discarding. It is counted as held where SID is higher "
        "by more than the deviations between seeds in most of the layers from the inserted one on; its output is "
        "compared with that of the block before it in the undamaged network.\n\n"
        f"Here, {'; '.join(parts)}.\n\n**The claim {_held(_most(higher(behind['SID'])))}.**"
    )


def compression(table: pd.DataFrame) -> str:
    """Fig. 4b."""
    parts, verdicts = [], []
    for measure in MEASURES:
        by_share = {share: differences(table, f"pruned-{share}", "plain", measure) for share in SHARES}
        rows = pd.concat(by_share.values())
        each = ", ".join(f"{share}% pruned {_mean(part)}" for share, part in by_share.items())
        parts.append(f"{measure} is {_counted(rows)} ({each})")
        moved = higher(rows) | lower(rows)
        held = _most(lower(rows)) if measure == "SID" else not _most(moved)
        claim = "decreases" if measure == "SID" else "is not significantly affected"
        verdicts.append(f"**{_first(measure)} {claim}: the claim {_held(held)}.**")
    return (
        "The paper: compression decreases SID and does not significantly affect RU and concentration. A change is one beyond "
        "the deviations between seeds. It is counted as held for SID where most of the layers of all pruned networks are "
        "lower, for the others where no more than half of them change.\n\n"
        f"Here, against the network before pruning, {'; '.join(parts)}.\n\n{' '.join(verdicts)}"
    )


def distillation(table: pd.DataFrame) -> str:
    """Fig. 5a."""
    rows = differences(table, "distilled", "lenet", "SID")
    return (
        "The paper: networks learned by distillation have lower information discarding. It is counted as held where SID is lower "
        "by more than the deviations between seeds in most of the layers.\n\n"
        f"Here, SID with a teacher is {_counted(rows)}; from the first layer to the last, it differs by "
        f"{_bits(rows.difference)}.\n\n**The claim {_held(_most(lower(rows)))}.**"
    )


def learning(table: pd.DataFrame) -> str:
    """Fig. 5b."""
    parts, held = [], {}
    for block in BLOCKS:
        rows = table[(table.layer == block) & (table.measure == "SID")].sort_values("epoch")
        lowest = rows.loc[rows.value.idxmin()]
        ends = rows.iloc[[0, -1]]
        held[block] = bool((ends.value - lowest.value > ends.deviation + lowest.deviation).all())
        parts.append(
            f"{block} starts at {ends.value.iloc[0]:.3f}, is lowest at {lowest.value:.3f} after epoch {lowest.epoch:.0f}, and ends "
            f"at {ends.value.iloc[1]:.3f} bits a pixel"
        )
    return (
        "The paper: discarding in high layers satisfies the information-bottleneck theory, by which a layer first takes up "
        "information and later discards it. It is counted as held where the SID of the last block is lower at some "
        "epoch than both at the start and at the end, by more than the deviations between seeds.\n\n"
        f"Here, {'; '.join(parts)}.\n\n**The claim {_held(held[BLOCKS[-1]])}.**"
    )


def networks(table: pd.DataFrame) -> str:
    """How good the networks are."""
    rows = [
        f"| {named(row.network)} | {row.weights} | {row.score:.1%}{' of the variance rebuilt' * (row.network == 'autoencoder')} |"
        for row in table.itertuples()
    ]
    return "\n".join(["| network | weights | accuracy on test images |", "|---|---|---|", *rows])


def _counted(rows: pd.DataFrame, places: str = "layers") -> str:
    if len(rows) == 1:
        places = places.removesuffix("s")
    return f"higher at {higher(rows).sum()} and lower at {lower(rows).sum()} of {len(rows)} {places}"


def _first(measure: str) -> str:
    return measure[0].upper() + measure[1:]


def _mean(rows: pd.DataFrame) -> str:
    return f"{rows.difference.mean():+.3f} bits on average"


def _bits(values: pd.Series, sign: bool = True) -> str:
    return ", ".join(f"{value:+.3f}" if sign else f"{value:.3f}" for value in values) + " bits"


def _most(which: pd.Series) -> bool:
    return bool(which.mean() > 0.5)


def _held(held: bool) -> str:
    return "held" if held else "did not hold"
