"""The paper's claims about its figures, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from paper_figures.common.page import Tables
from paper_figures.common.verdict import FEWEST_SEEDS, Difference, Outcome, Verdict, halves, listed, most, together
from paper_figures.information_flow.comparisons import (
    CHAINS,
    NO_EVIDENCE,
    against_zero,
    between,
    differences_along,
    steps,
    varied_alone,
)
from paper_figures.information_flow.networks import Settings

ESTIMATOR_NAMES = {"paper": "In the paper's settings", "bitlens": "With bitlens's defaults"}
NEARLY = 0.9
"""Share of H(X) from which on information counts as nearly all of it."""
_SPREAD = (
    "A difference counts if it is larger than the sum of the deviations of both excesses between at least 3 seeds."
)


def judge(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Verdict]:
    """Return the verdicts by the name of their figure."""
    return {
        "figure-1": inequalities(tables["figure-1"]),
        "figure-3-information": information(tables["figure-3-information"], settings["figure-3-information"].usual),
        "figure-3-shares": shares(tables["figure-3-shares"], settings["figure-3-shares"].usual),
        "figure-4": planes(tables["figure-4"]),
    }


def inequalities(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 1."""
    lines, held = [], {}
    every = steps(table)
    for setting, name in ESTIMATOR_NAMES.items():
        parts, statements = [], {}
        for chain in CHAINS:
            rows = every[(every.setting == setting) & (every.chain == chain)]
            disruptions = list(rows.disruption)
            statements[f"the {chain} inequality holds in most steps"] = most(
                None if disrupted is None else not disrupted for disrupted in disruptions
            )
            parts.append(
                f"the {chain} inequality is disrupted in {disruptions.count(True)} and not decided in "
                f"{disruptions.count(None)} of {len(rows)} steps (the largest rise of the excess is "
                f"{rows.rise.max():.3f} bits)"
            )
        few: Outcome = True if True in disruptions else None if None in disruptions else False
        statements["the backward inequality has disruptions"] = few
        held[name] = together(statements.values())
        lines.append(f"{name}, {'; '.join(parts)}. {_sentence(statements)}")
    return Verdict(
        "Both inequalities hold in most cases, with a few disruptions in the chain of errors.",
        "The excess over the null is compared between neighbouring layers. A step is a disruption if the excess rises "
        "by more than the sum of the deviations of both ends between at least 3 seeds, and it is not one if the excess "
        "falls by more than that. A smaller change is not decided, and neither is a step between two values that are "
        f"less than {NO_EVIDENCE} bits above the null. The claim counts as held if in both chains more than half of "
        "the steps are not disruptions, and the chain of errors has a disruption.",
        "\n\n".join([*lines, _evidence(table)]),
        held,
    )


def information(table: pd.DataFrame, usual: tuple[int, int]) -> Verdict:
    """Judge Fig. 3 a to d."""
    lines, held = [], {}
    reaching = {"first": usual[0], "second": table.second.max()}
    for setting, name in ESTIMATOR_NAMES.items():
        parts, grows, reaches = [], [], []
        for varied, layer in (("first", "c1"), ("second", "c3")):
            end = _end(varied_alone(table[table.setting == setting], varied, layer, usual), varied)
            grows += [difference.higher for difference in differences_along(end, "multivariate_excess", evidence=True)]
            reaches.append(_nearly_all(end.loc[reaching[varied]]))
            null = end.multivariate_null_mean / end.entropy_about
            parts.append(
                f"the excess of {layer} is {_values(end, 'multivariate_excess', '.3f')} bits with {_filters(end)} "
                f"filters (information {listed(end.multivariate, '.3f')}, null "
                f"{listed(end.multivariate_null_mean, '.3f')} bits), and H(X) is {end.entropy_about.iloc[-1]:.2f} "
                f"bits, of which the null is {null.min():.0%} to {null.max():.0%}"
            )
        statements = {"the excess grows": together(grows), "it nearly reaches H(X)": together(reaches)}
        held[name] = together(statements.values())
        lines.append(f"{name}, at the end of training: {'; '.join(parts)}. {_sentence(statements)}")
    return Verdict(
        "The more filters, the more information, up to H(X), which 6 filters in the first and 32 filters in the second "
        "convolution nearly reach.",
        f"The excess over the null is judged. {_SPREAD} The claim counts as held if the excess rises with every larger "
        f"number of filters, and if it exceeds {NEARLY:.0%} of H(X) with those filters. A fall means that the claim "
        f"did not hold. Two excesses that are both less than {NO_EVIDENCE} bits decide nothing. Whether H(X) is "
        f"reached is not decided where the null exceeds {1 - NEARLY:.0%} of H(X), because the excess cannot exceed "
        "H(X) minus the null.",
        "\n\n".join(lines),
        held,
    )


def shares(table: pd.DataFrame, usual: tuple[int, int]) -> Verdict:
    """Judge Fig. 3 e to h."""
    lines, held = [], {}
    for setting, name in ESTIMATOR_NAMES.items():
        parts, gains = [], []
        rows = table[(table.setting == setting) & (table.about == "input")]
        curves = [varied_alone(rows, *one, usual) for one in (("first", "c1"), ("second", "c3"))]
        for (varied, layer), curve in zip((("first", "c1"), ("second", "c3")), curves, strict=True):
            end = _end(curve, varied)
            gains += [difference.lower for difference in differences_along(end, "redundancy_synergy_share_excess")]
            parts.append(
                f"in {layer}, the excess of redundancy less synergy is "
                f"{_values(end, 'redundancy_synergy_share_excess', '.1%')} of the information of a pair with "
                f"{_filters(end)} filters"
            )
        outweighed = [against_zero(row, "redundancy_synergy_excess") for _, row in pd.concat(curves).iterrows()]
        below = [between(row, row, "multivariate_excess", "weighted_nonredundant_excess") for _, row in rows.iterrows()]
        statements = {
            "synergy grows": together(gains),
            "synergy never outweighs redundancy": together(difference.higher for difference in outweighed),
            "non-redundant information stays below that of the layer": together(one.higher for one in below),
        }
        held[name] = together(statements.values())
        lines.append(
            f"{name}, at the end of training: {'; '.join(parts)}. During training, the excess of redundancy less "
            f"synergy is at least {min(one.mean for one in outweighed):.3f} bits, and positive in "
            f"{_count(one.higher for one in outweighed)} values, negative in {_count(one.lower for one in outweighed)}"
            f"; the excess of the layer less that of its non-redundant information is at least "
            f"{min(one.mean for one in below):.3f} bits, positive in {_count(one.higher for one in below)} values, "
            f"negative in {_count(one.lower for one in below)}. {_sentence(statements)}"
        )
    return Verdict(
        "With more filters, synergy grows relative to redundancy but never outweighs it. The non-redundant "
        "information of pairs stays below the information of the layer.",
        f"Excesses over the null are judged, because unrelated channels have less redundancy than synergy. {_SPREAD} "
        "The claim counts as held if the share of redundancy less synergy falls with every larger number of filters at "
        "the end of training, redundancy less synergy is above 0 by more than two deviations at every iteration, and "
        "so is the information of the layer less the non-redundant information.",
        "\n\n".join(lines),
        held,
    )


def planes(table: pd.DataFrame) -> Verdict:
    """Judge Fig. 4."""
    lines, held = [], {}
    for setting, name in ESTIMATOR_NAMES.items():
        rows = table[table.setting == setting]
        falls, rises, parts = {}, [], []
        for (plane, activation, about), part in rows.groupby(["plane", "activation", "about"], sort=False):
            rise, falls[plane, activation, about] = _rise_and_fall(part)
            if plane == "all":
                rises.append(rise.higher)
            parts.append(
                f"{'plane' if plane == 'all' else 'modified plane'}, {activation}, {about}: rises by {rise.mean:+.3f} "
                f"({_allowed(rise)}), loses {falls[plane, activation, about].mean:.3f} "
                f"({_allowed(falls[plane, activation, about])})"
            )
        kept = [_no_fall(fall) for (plane, _, _), fall in falls.items() if plane == "all"]
        lost = [fall.higher for (plane, _, _), fall in falls.items() if plane != "all"]
        more = [
            _more(falls["non-redundant", "sigmoid", x], falls["non-redundant", "relu", x]) for x in set(table.about)
        ]
        statements = {
            "information rises": together(rises),
            "it does not fall again": together(kept),
            "non-redundant information falls": together(lost),
            "it falls more with sigmoid": together(difference.higher for difference in more),
        }
        held[name] = together(statements.values())
        lines.append(f"{name}, in bits: {'; '.join(parts)}. {_sentence(statements)}")
    return Verdict(
        "Information about input and labels rises and does not fall again, with every activation function. "
        "Non-redundant information falls late in training, and falls more with sigmoid than with ReLU.",
        "The excess over the null is judged. A curve rises by its last value less its first value, and loses its "
        "highest value less its last value; both are averaged over layers and topologies. They count if they are "
        "larger than the sum of the deviations of both ends between at least 3 seeds. The claim counts as held if "
        "all four statements are true of the information about the input and about the labels. A smaller loss is not "
        "decided, unless all curves end at their highest value.",
        "\n\n".join(lines),
        held,
    )


def _rise_and_fall(rows: pd.DataFrame) -> tuple[Difference, Difference]:
    """The mean rise over curves from the start to the end, and the mean fall from the highest value to the end."""
    rises, falls = [], []
    for _, curve in rows.sort_values("iteration").groupby(["first", "second", "layer"]):
        first, last = curve.iloc[0], curve.iloc[-1]
        rises.append(between(last, first, "excess"))
        falls.append(between(curve.loc[curve.excess.idxmax()], last, "excess"))
    return _mean(rises), _mean(falls)


def _mean(differences: list[Difference]) -> Difference:
    mean, allowed = np.mean([one[:2] for one in differences], axis=0)
    return Difference(float(mean), float(allowed), min(one.seeds for one in differences))


def _no_fall(fall: Difference) -> Outcome:
    if fall.seeds >= FEWEST_SEEDS and fall.mean == 0:
        return True
    return None if fall.higher is None else not fall.higher


def _more(first: Difference, second: Difference) -> Difference:
    """The first difference less the second."""
    return Difference(first.mean - second.mean, first.allowed + second.allowed, min(first.seeds, second.seeds))


def _nearly_all(row: pd.Series) -> Outcome:
    """Whether the excess nearly reaches H(X); None where the null is too large for that."""
    if row.multivariate_null_mean > (1 - NEARLY) * row.entropy_about:
        return None
    return (
        against_zero(row, "multivariate_excess")
        ._replace(mean=float(row.multivariate_excess - NEARLY * row.entropy_about))
        .higher
    )


def _evidence(table: pd.DataFrame) -> str:
    """How many values of the paper's settings are hardly above the null."""
    rows = table[table.setting == "paper"]
    small = {chain: (part.excess < NO_EVIDENCE).mean() for chain, part in rows.groupby("chain", sort=False)}
    return (
        f"In the paper's settings, {small['forward']:.0%} of the forward and {small['backward']:.0%} of the backward "
        f"values are less than {NO_EVIDENCE} bits above the null."
    )


def _sentence(statements: dict[str, Outcome]) -> str:
    text = halves(statements)
    return text[0].upper() + text[1:]


def _count(outcomes: Iterator[Outcome]) -> str:
    given = list(outcomes)
    return f"{given.count(True)} of {len(given)}"


def _values(end: pd.DataFrame, name: str, form: str) -> str:
    """Values ± deviations between seeds."""
    pairs = zip(end[name], end[f"{name}_std"], strict=True)
    return ", ".join(f"{value:{form}} ± {'unknown' if pd.isna(s) else f'{s:{form}}'}" for value, s in pairs)


def _allowed(difference: Difference) -> str:
    return "allowed unknown" if np.isnan(difference.allowed) else f"{difference.allowed:.3f} allowed"


def _filters(end: pd.DataFrame) -> str:
    return ", ".join(str(number) for number in end.index)


def _end(table: pd.DataFrame, varied: str) -> pd.DataFrame:
    """By number of filters, at the last iteration."""
    return table[table.iteration == table.iteration.max()].set_index(varied).sort_index()
