"""The paper's claims about its figures, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from paper_figures.common.page import Tables
from paper_figures.common.verdict import Verdict, listed
from paper_figures.information_flow.networks import Settings

ESTIMATOR_NAMES = {"paper": "In the paper's settings", "bitlens": "With bitlens's defaults"}
# Bits above the null below which a value is counted as no evidence of information about the samples.
_NO_EVIDENCE = 0.1
_KEYS = ["iteration", "about", "layer", "first", "second", "activation", "setting"]


def judge(tables: Tables, settings: Settings) -> dict[str, Verdict]:
    """Return the verdicts by the name of their figure."""
    return {
        "figure-1": inequalities(tables["figure-1"]),
        "figure-3-information": information(tables["figure-3-information"], settings.usual),
        "figure-3-shares": shares(tables["figure-3-shares"], tables["figure-3-information"], settings.usual),
        "figure-4": planes(tables["figure-4"]),
    }


def varied_alone(table: pd.DataFrame, varied: str, layer: str, usual: tuple[int, int]) -> pd.DataFrame:
    """Return a layer's rows about the input, where one convolution varies and the other has its usual filters."""
    fixed, filters = ("second", usual[1]) if varied == "first" else ("first", usual[0])
    return table[(table[fixed] == filters) & (table.layer == layer) & (table.about == "input")]


def inequalities(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 1."""
    lines, held = [], {}
    for setting in ESTIMATOR_NAMES:
        parts, disrupted = [], []
        for chain in ("forward", "backward"):
            rows = table[(table.setting == setting) & (table.chain == chain)]
            steps = rows[rows.layer != ("c1" if chain == "forward" else "f6")]
            share = steps.violation.mean()
            disrupted.append(share)
            holds = "holds in every step" if share == 0 else f"is disrupted in {share:.0%} of the steps"
            excess = rows.information - rows.null_mean
            parts.append(
                f"the {chain} inequality {holds} ({len(steps)} steps; the largest rise is {steps.rise.max():.3f} "
                f"bits); the median information is {rows.information.median():.3f} bits, and its median excess over "
                f"the null is {excess.median():.3f} bits"
            )
        held[setting] = bool(max(disrupted) < 0.5)
        lines.append(f"{ESTIMATOR_NAMES[setting]}, {'; '.join(parts)}.")
    return Verdict(
        "Both inequalities hold in most cases, with a few disruptions in the chain of errors.",
        "A step counts as a disruption if the information rises by more than two standard deviations of the nulls of "
        "both its ends. The claim counts as held if fewer than half of the steps of each chain are disruptions.",
        "\n\n".join([*lines, _evidence(table)]),
        _named(held),
    )


def information(table: pd.DataFrame, usual: tuple[int, int]) -> Verdict:
    """Judge Fig. 3 a to d."""
    lines, held = [], {}
    for setting in ESTIMATOR_NAMES:
        parts, grows = [], []
        for varied, layer in (("first", "c1"), ("second", "c3")):
            end = _end(varied_alone(table[table.setting == setting], varied, layer, usual), varied)
            deviation = end.multivariate_std.fillna(0)
            grows.append(bool((end.multivariate.diff() >= -(deviation + deviation.shift(1)))[1:].all()))
            excess = end.multivariate - end.multivariate_null_mean
            parts.append(
                f"{layer} carries {listed(end.multivariate, '.3f')} bits with {_filters(end)} filters, and H(X) is "
                f"{end.entropy_about.iloc[-1]:.2f} bits; the null is {listed(end.multivariate_null_mean, '.3f')} "
                f"bits, and the excess over it is {listed(excess, '.3f')} bits"
            )
        held[setting] = all(grows)
        lines.append(f"{ESTIMATOR_NAMES[setting]}, at the end of training: {'; '.join(parts)}.")
    return Verdict(
        "The more filters, the more information, up to H(X), which 6 filters in the first and 32 filters in the second "
        "convolution nearly reach.",
        "The claim counts as held if no larger number of filters ends with less information, beyond the deviations "
        "between seeds.",
        "\n\n".join(lines),
        _named(held),
    )


def shares(table: pd.DataFrame, layers: pd.DataFrame, usual: tuple[int, int]) -> Verdict:
    """Judge Fig. 3 e to h, from the information of pairs and the information of layers."""
    both = table.merge(layers[[*_KEYS, "multivariate"]], on=_KEYS, validate="one_to_one")
    lines, held = [], {}
    for setting in ESTIMATOR_NAMES:
        parts, gains, outweighs = [], [], []
        rows = both[both.setting == setting]
        for varied, layer in (("first", "c1"), ("second", "c3")):
            curves = varied_alone(rows, varied, layer, usual)
            end = _end(curves, varied)
            share, null = end.redundancy_synergy_share, end.redundancy_synergy_share_null_mean
            gains.append(bool(share.is_monotonic_decreasing))
            outweighs.append(curves.redundancy_synergy.min() < 0)
            parts.append(
                f"in {layer}, redundancy less synergy is {listed(share, '.1%')} of the information of a pair with "
                f"{_filters(end)} filters, and {listed(null, '.1%')} in the null"
            )
        about_input = rows[rows.about == "input"]
        below = bool((about_input.weighted_nonredundant < about_input.multivariate).all())
        held[setting] = all(gains) and not any(outweighs) and below
        lines.append(
            f"{ESTIMATOR_NAMES[setting]}, at the end of training: {'; '.join(parts)}. Synergy "
            f"{'outweighs redundancy in some curves' if any(outweighs) else 'never outweighs redundancy'}. "
            f"Non-redundant information is {'always' if below else 'not always'} below the information of the layer."
        )
    return Verdict(
        "With more filters, synergy grows relative to redundancy but never outweighs it. The non-redundant "
        "information of pairs stays below the information of the layer.",
        "The claim counts as held if all three statements are true: of the shares at the end of training, and of "
        "every iteration for the other two.",
        "\n\n".join(lines),
        _named(held),
    )


def planes(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 4."""
    lines, held = [], {}
    for setting in ESTIMATOR_NAMES:
        rows = table[(table.setting == setting) & (table.about == "input")]
        keys = ["plane", "activation", "first", "second", "layer"]
        curves = rows.sort_values("iteration").groupby(keys).information
        loss = (curves.max() - curves.last()).groupby(["plane", "activation"]).mean()
        deviation = rows.groupby(["plane", "activation"]).null_std.mean()
        held[setting] = bool(
            (loss["all"] <= 4 * deviation["all"]).all()
            and (loss["non-redundant"] > 4 * deviation["non-redundant"]).all()
            and loss["non-redundant", "sigmoid"] > loss["non-redundant", "relu"]
        )
        lines.append(f"{ESTIMATOR_NAMES[setting]}, {_losses(loss, deviation)}.")
    return Verdict(
        "Information about input and labels rises and does not fall again, with every activation function. "
        "Non-redundant information falls late in training, and falls more with sigmoid than with ReLU.",
        "The loss of a curve is its highest value less its last value, in bits about the input, averaged over layers "
        "and topologies. The claim counts as held if the plane loses at most 4 standard deviations of the null, the "
        "modified plane loses more than that, and the modified plane loses more with sigmoid than with ReLU.",
        "\n\n".join(lines),
        _named(held),
    )


def _losses(loss: pd.Series, deviation: pd.Series) -> str:
    names = {"all": "the plane", "non-redundant": "the modified plane"}
    return "; ".join(
        f"{name} loses "
        f"{' and '.join(f'{bits:.3f} bits with {activation}' for activation, bits in loss[plane].items())} (standard "
        f"deviation of the null: {deviation[plane].mean():.3f} bits)"
        for plane, name in names.items()
    )


def _evidence(table: pd.DataFrame) -> str:
    """How many values of the paper's settings are hardly above the null."""
    rows = table[table.setting == "paper"]
    small = {
        chain: (part.information - part.null_mean < _NO_EVIDENCE).mean()
        for chain, part in rows.groupby("chain", sort=False)
    }
    return (
        f"In the paper's settings, {small['forward']:.0%} of the forward and {small['backward']:.0%} of the backward "
        f"values are less than {_NO_EVIDENCE} bits above the null. Whether the inequality holds between such values "
        "is a property of the estimator, not of the network."
    )


def _named(held: Mapping[str, bool]) -> dict[str, bool]:
    return {ESTIMATOR_NAMES[setting]: value for setting, value in held.items()}


def _filters(end: pd.DataFrame) -> str:
    return ", ".join(str(number) for number in end.index)


def _end(table: pd.DataFrame, varied: str) -> pd.DataFrame:
    """By number of filters, at the last iteration."""
    return table[table.iteration == table.iteration.max()].set_index(varied).sort_index()
