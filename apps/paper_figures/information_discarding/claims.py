"""The paper's claims about its figures, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from paper_figures.common.page import Tables
from paper_figures.common.verdict import Difference, Outcome, Verdict, halves, listed, most, together
from paper_figures.information_discarding.networks import SHARES
from paper_figures.information_discarding.study import Settings

MEASURES = ("SID", "RU", "concentration")
SAME_BITS = 0.05
"""Bits per pixel by which an entropy may change and still count as unchanged: the accuracy of the searches."""
SAME_SHARE = 0.05
"""Share by which a magnitude may change and still count as unchanged."""
MOST = 0.5
"""A value counts only if more than this share of its searches came to rest."""
LEAST_REBUILT = 0.1
"""RU says something about a layer only if its decoder rebuilds more than this share of the variance of test images."""
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


class Compared(list[Difference]):
    """Differences between two networks at the depths where both were measured.

    A difference that rests on searches of which most did not come to rest has no seeds, so that it decides nothing.
    """

    def __init__(self, differences: Iterable[Difference], depths: Iterable[float]) -> None:
        super().__init__(differences)
        self.depths = list(depths)

    @property
    def higher(self) -> list[Outcome]:
        """Whether the first network's values are higher."""
        return [one.higher for one in self]

    @property
    def lower(self) -> list[Outcome]:
        """Whether the first network's values are lower."""
        return [one.lower for one in self]


def differences(table: pd.DataFrame, first: str, second: str, measure: str) -> Compared:
    """Return the first network's values less the second's, where both were measured; no value is interpolated.

    Parameters
    ----------
    table : DataFrame
        Values, deviations, seeds and searches by network, measure and depth.
    first, second : str
        The networks.
    measure : str
        One of `MEASURES`.

    Raises
    ------
    ValueError
        If the table has no such measure of a network.
    """
    curves = [_curve(table, network, measure) for network in (first, second)]
    both = curves[0].merge(curves[1], on="depth", suffixes=("", "_other"))
    return Compared(
        (
            Difference(
                row.value - row.value_other,
                row.deviation + row.deviation_other,
                _deciding_seeds(row),
            )
            for row in both.itertuples()
        ),
        both.depth,
    )


def rests(table: pd.DataFrame) -> str:
    """Return sentences: how many searches came to rest, by measure, network and layer (or layer and epoch)."""
    parts = []
    place = "network" if "network" in table else "layer"
    for measure, rows in table[table.measure != "concentration"].groupby("measure", sort=False):
        lines = []
        for name, part in rows.groupby(place, sort=False):
            of_part = part.assign(at=part.layer if place == "network" else "epoch " + part.epoch.astype(str))
            counts = ", ".join(f"{row.at} {_rested(row)} of {row.searches}" for row in of_part.itertuples())
            lines.append(f"{name}: {counts}")
        parts.append(f"Searches for {measure} that came to rest: {'; '.join(lines)}.")
    return " ".join(parts)


def coherency(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 1."""
    parts: list[str] = []
    held: dict[str, Outcome] = {}
    for measure, rows in table.groupby("measure", sort=False):
        if measure in MEASURES:
            change = (rows.after - rows.before).abs()
            unchanged: Outcome = bool((change <= SAME_BITS).all()) if (rows.converged > MOST).all() else None
            came = ", ".join(f"{row.layer} {_share(row.converged)}" for row in rows.itertuples())
            parts.append(f"{measure} changes by at most {change.max():.3f} bits (came to rest: {came})")
            held[f"{_capitalized(measure)} does not change"] = unchanged
        else:
            ratio = rows.after / rows.before
            parts.append(f"{measure} becomes {ratio.min():.2f} to {ratio.max():.2f} times as large")
            held[f"{_capitalized(measure)} changes"] = bool(((ratio - 1).abs() > SAME_SHARE).any())
    return Verdict(
        "Rescaling changes gradient maps and Grad-CAM, and does not change SID, RU and concentration.",
        "One network is compared with itself after the rescaling. An entropy counts as unchanged if it changes by at "
        f"most {SAME_BITS} bits per pixel in every layer, which is not decided unless most of the searches came to "
        f"rest in every layer; a magnitude counts as changed if it changes by more than {SAME_SHARE:.0%} in a layer.",
        f"Here, {'; '.join(parts)}.",
        held,
    )


def deep_and_shallow(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 3 for deep and shallow networks."""
    parts, held = [], {}
    for measure in MEASURES:
        pairs = [differences(table, deep, "lenet", measure) for deep in ("plain", "resnet")]
        both = [*pairs[0], *pairs[1]]
        parts.append(f"{measure} is {_counts(both)} (plain CNN {_listed(pairs[0])}; ResNet {_listed(pairs[1])})")
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
        f"Here, the SID of the auto-encoder less that of the ResNet is {_listed(rows)}; the largest differences "
        f"between classifiers are {largest} bits. {_tally(similar, 'similar', 'different')}\n\n"
        f"{rests(table[table.measure == 'SID'])}",
        {"": most(similar)},
    )


def damage(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 4a."""
    behind = table[table.depth >= table[table.layer == "inserted"].depth.min()]
    compared = {measure: differences(behind, "damaged", "resnet", measure) for measure in MEASURES}
    parts = [f"{measure} is {_counts(rows)} ({_listed(rows)})" for measure, rows in compared.items()]
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
        values = "; ".join(f"{share}% pruned {_listed(part)}" for share, part in by_share.items())
        parts.append(f"{measure} is {_counts(rows)} ({values})")
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
        f"Here, SID with a teacher is {_counts(rows)}. From the first layer to the last, the difference is "
        f"{_listed(rows)}.\n\n{rests(table[table.measure == 'SID'])}",
        {"": most(rows.lower)},
    )


def learning(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 5b."""
    parts = []
    for block in table.layer.unique():
        rows = table[(table.layer == block) & (table.measure == "SID")].sort_values("epoch")
        first, last = rows.iloc[0], rows.iloc[-1]
        between = rows.iloc[1:-1]
        lowest = between.loc[between.value.idxmin()] if len(between) else last
        falls, rises = _between(first, lowest), _between(last, lowest)
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


def _between(first: pd.Series, second: pd.Series) -> Difference:
    rested = min(first.converged, second.converged) > MOST
    seeds = int(min(first.seeds, second.seeds)) if rested else 0
    return Difference(float(first.value - second.value), float(first.deviation + second.deviation), seeds)


def _curve(table: pd.DataFrame, network: str, measure: str) -> pd.DataFrame:
    rows = table[(table.network == network) & (table.measure == measure)]
    if rows.empty:
        raise ValueError(f"table: expected {measure} of {network}, got none; measure this network")
    return rows.sort_values("depth")


def _deciding_seeds(row: Any) -> int:
    """The number of seeds of a difference; 0 where searches or decoders make it say nothing."""
    if not min(row.converged, row.converged_other) > MOST or min(row.rebuilt, row.rebuilt_other) <= LEAST_REBUILT:
        return 0
    return int(min(row.seeds, row.seeds_other))


def _rested(row: Any) -> int:
    """The number of searches that came to rest, at a place of a table."""
    return round(row.converged * row.searches)


def _share(converged: float) -> str:
    return "unknown" if pd.isna(converged) else f"{converged:.0%}"


def _counts(rows: Sequence[Difference]) -> str:
    higher, lower = [one.higher for one in rows].count(True), [one.lower for one in rows].count(True)
    return f"higher at {higher}, lower at {lower} and not decided at {len(rows) - higher - lower} of {len(rows)} depths"


def _tally(outcomes: Sequence[Outcome], yes: str, no: str) -> str:
    counts = [outcomes.count(which) for which in (True, False, None)]
    return f"{counts[0]} of {len(outcomes)} layers are {yes}, {counts[1]} {no}, {counts[2]} not decided."


def _listed(rows: Compared) -> str:
    """The differences, and how much may be chance."""
    values = ", ".join(f"{one.mean:+.3f} ({one.allowed:.3f} allowed)" for one in rows)
    return f"{values} bits at depth {listed(pd.Series(rows.depths), 'g')}"


def _capitalized(measure: str) -> str:
    return measure[0].upper() + measure[1:]
