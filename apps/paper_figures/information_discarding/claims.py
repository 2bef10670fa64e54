"""The paper's claims about its figures, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from paper_figures.common.page import Tables
from paper_figures.common.verdict import Verdict, listed
from paper_figures.information_discarding.networks import SHARES
from paper_figures.information_discarding.study import Settings

MEASURES = ("SID", "RU", "concentration")
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where networks with different layers are compared; between two layers, curves are interpolated linearly."""
SAME_BITS = 0.05
"""Bits per pixel by which an entropy may change and still count as unchanged: the accuracy of the searches."""
SAME_SHARE = 0.05
"""Share by which a magnitude may change and still count as unchanged."""
_CLASSIFIERS = ("lenet", "plain", "resnet")
_BEYOND = "by more than the deviations between the seeds of both networks"


def judge(tables: Tables, settings: Settings) -> dict[str, Verdict]:
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


def differences(
    table: pd.DataFrame, first: str, second: str, measure: str, depths: Sequence[float] | None = None
) -> pd.DataFrame:
    """Return the first network's values less the second's, and how large a difference may be chance.

    Parameters
    ----------
    table : DataFrame
        Values and deviations by network, measure and depth.
    first, second : str
        The networks.
    measure : str
        One of `MEASURES`.
    depths : sequence of float, optional
        Where they are compared. Default: where the first was measured.

    Returns
    -------
    DataFrame
        Columns depth, difference, and allowed: the sum of both networks' deviations between seeds.

    Raises
    ------
    ValueError
        If the table has no such measure of a network.
    """
    curves = [_curve(table, network, measure) for network in (first, second)]
    at = np.array(curves[0].depth if depths is None else depths)
    values, deviations = (
        [np.interp(at, curve.depth, curve[column]) for curve in curves] for column in ("value", "deviation")
    )
    columns = {"depth": at, "difference": values[0] - values[1], "allowed": deviations[0] + deviations[1]}
    return pd.DataFrame(columns)


def coherency(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 1."""
    parts, held = [], {}
    for measure, rows in table.groupby("measure", sort=False):
        entropy = measure in MEASURES
        if entropy:
            change = (rows.after - rows.before).abs()
            same = bool((change <= SAME_BITS).all())
            parts.append(f"{measure} changes by at most {change.max():.3f} bits")
        else:
            ratio = rows.after / rows.before
            same = bool(((ratio - 1).abs() <= SAME_SHARE).all())
            parts.append(f"{measure} becomes {ratio.min():.2f} to {ratio.max():.2f} times as large")
        held[f"{_capitalized(measure)} {'did not change' if same else 'changed'}"] = same == entropy
    return Verdict(
        "Rescaling changes gradient maps and Grad-CAM, and does not change SID, RU and concentration.",
        f"An entropy counts as unchanged if it changes by at most {SAME_BITS} bits per pixel in every layer, a "
        f"magnitude if it changes by at most {SAME_SHARE:.0%}.",
        f"Here, {'; '.join(parts)}.",
        held,
    )


def deep_and_shallow(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 3 for deep and shallow networks."""
    parts, held = [], {}
    for measure in MEASURES:
        pairs = [differences(table, deep, "lenet", measure, DEPTHS) for deep in ("plain", "resnet")]
        rows = pd.concat(pairs)
        parts.append(f"{measure} is {_counts(rows, 'depths')} (plain CNN {_mean(pairs[0])}, ResNet {_mean(pairs[1])})")
        held[_capitalized(measure)] = _most(_higher(rows))
    return Verdict(
        "A deep network usually has higher SID, RU and concentration than a shallow one.",
        f"Both deep networks are compared with the LeNet at {len(DEPTHS)} depths between the first and the last "
        f"layer. The claim counts as held if most of these values are higher {_BEYOND}.",
        f"Here, {'; '.join(parts)}.",
        held,
    )


def tasks(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 3 for classification and reconstruction."""
    rows = differences(table, "autoencoder", "resnet", "SID")
    pairs = [(one, other) for one in _CLASSIFIERS for other in _CLASSIFIERS if one < other]
    distances = [differences(table, *pair, "SID", list(rows.depth)).difference.abs() for pair in pairs]
    largest = pd.concat(distances, axis=1).max(axis=1)
    similar = (rows.difference.abs() <= largest) | ~(_higher(rows) | _lower(rows))
    return Verdict(
        "Networks for classification and for reconstruction have similar SID.",
        "The auto-encoder is compared with the ResNet, whose layers it has. Their SID counts as similar if the "
        "difference is at most the largest difference between two of the classifiers at this depth, or at most the "
        "sum of the deviations between seeds. The claim counts as held if most of the layers are similar.",
        f"Here, the SID of the auto-encoder less that of the ResNet is {listed(rows.difference, '+.3f')} bits from "
        f"the first layer to the last; the largest differences between classifiers are {listed(largest, '.3f')} bits. "
        f"{similar.sum()} of {len(rows)} layers are similar.",
        {"": _most(similar)},
    )


def damage(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 4a."""
    depth = table[table.layer == "inserted"].depth.min()
    compared = {measure: differences(table, "damaged", "resnet", measure) for measure in MEASURES}
    behind = {measure: rows[rows.depth >= depth] for measure, rows in compared.items()}
    parts = [f"{measure} is {_counts(rows)} ({_mean(rows)})" for measure, rows in behind.items()]
    return Verdict(
        "The inserted block significantly increases information discarding.",
        f"The claim counts as held if SID is higher {_BEYOND} in most of the layers from the inserted block on. The "
        "output of this block is compared with that of the block before it in the undamaged network.",
        f"Here, {'; '.join(parts)}.",
        {"": _most(_higher(behind["SID"]))},
    )


def compression(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 4b."""
    parts, held = [], {}
    for measure in MEASURES:
        by_share = {share: differences(table, f"pruned-{share}", "plain", measure) for share in SHARES}
        rows = pd.concat(by_share.values())
        means = ", ".join(f"{share}% pruned {_mean(part)}" for share, part in by_share.items())
        parts.append(f"{measure} is {_counts(rows)} ({means})")
        if measure == "SID":
            held["SID decreases"] = _most(_lower(rows))
        else:
            held[f"{_capitalized(measure)} is not significantly affected"] = not _most(_higher(rows) | _lower(rows))
    return Verdict(
        "Compression decreases SID and does not significantly affect RU and concentration.",
        f"A value counts as changed if it differs {_BEYOND}. For SID, the claim counts as held if most of the layers "
        "of all pruned networks are lower; for RU and concentration, if at most half of the layers changed.",
        f"Here, compared with the network before pruning, {'; '.join(parts)}.",
        held,
    )


def distillation(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 5a."""
    rows = differences(table, "distilled", "lenet", "SID")
    return Verdict(
        "Networks that learned by distillation discard less information.",
        f"The claim counts as held if SID is lower {_BEYOND} in most of the layers.",
        f"Here, SID with a teacher is {_counts(rows)}. From the first layer to the last, the difference is "
        f"{listed(rows.difference, '+.3f')} bits.",
        {"": _most(_lower(rows))},
    )


def learning(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 5b."""
    parts, falls_and_rises = [], {}
    for block in table.layer.unique():
        rows = table[(table.layer == block) & (table.measure == "SID")].sort_values("epoch")
        lowest = rows.loc[rows.value.idxmin()]
        ends = rows.iloc[[0, -1]]
        falls_and_rises[block] = bool((ends.value - lowest.value > ends.deviation + lowest.deviation).all())
        parts.append(
            f"the SID of {block} starts at {ends.value.iloc[0]:.3f} bits per pixel, is lowest after epoch "
            f"{lowest.epoch:.0f} with {lowest.value:.3f}, and ends at {ends.value.iloc[1]:.3f}"
        )
    return Verdict(
        "Information discarding in high layers agrees with the information bottleneck theory: a layer first takes up "
        "information and later discards it.",
        "The claim counts as held if the SID of the last block is lower at some epoch than both at the start and at "
        "the end, by more than the deviations between seeds.",
        f"Here, {'; '.join(parts)}.",
        {"": list(falls_and_rises.values())[-1]},
    )


def _curve(table: pd.DataFrame, network: str, measure: str) -> pd.DataFrame:
    rows = table[(table.network == network) & (table.measure == measure)]
    if rows.empty:
        raise ValueError(f"table: expected {measure} of {network}, got none; measure this network")
    return rows.sort_values("depth")


def _higher(rows: pd.DataFrame) -> pd.Series:
    return rows.difference > rows.allowed


def _lower(rows: pd.DataFrame) -> pd.Series:
    return rows.difference < -rows.allowed


def _counts(rows: pd.DataFrame, places: str = "layers") -> str:
    if len(rows) == 1:
        places = places.removesuffix("s")
    return f"higher at {_higher(rows).sum()} and lower at {_lower(rows).sum()} of {len(rows)} {places}"


def _capitalized(measure: str) -> str:
    return measure[0].upper() + measure[1:]


def _mean(rows: pd.DataFrame) -> str:
    return f"{rows.difference.mean():+.3f} bits on average"


def _most(which: pd.Series) -> bool:
    return bool(which.mean() > 0.5)
