"""What the paper says of each figure, and what the tables say of that: paragraphs whose numbers and verdicts are computed."""

from __future__ import annotations

import pandas as pd

from paper_figures.information_flow.tables import varied_alone

_OURS = {"paper": "In the paper's settings", "bitlens": "With bitlens's defaults"}
# Information this near to what shuffled samples give says nothing of the samples.
_NOTHING = 0.1


def inequalities(table: pd.DataFrame) -> str:
    """Fig. 1."""
    lines = [
        "The paper: both inequalities hold in most of the cases, with a few disruptions in the chain of errors. A step is "
        "counted as a disruption where it rises by more than two standard deviations of the nulls of both its ends; most of "
        "the cases are more than half of the steps."
    ]
    held = {}
    for setting, words in _OURS.items():
        parts, shares = [], []
        for chain in ("forward", "backward"):
            rows = table[(table.setting == setting) & (table.chain == chain)]
            steps = rows[rows.layer != ("c1" if chain == "forward" else "f6")]
            share = steps.violation.mean()
            shares.append(share)
            verdict = "holds in every step" if share == 0 else f"is disrupted in {share:.0%} of the steps"
            excess = rows.information - rows.null_mean
            parts.append(
                f"the {chain} inequality {verdict} ({len(steps)} steps; the largest rise is {steps.rise.max():.3f} bits), and "
                f"what is above shuffled samples is {excess.median():.3f} bits (median) of {rows.information.median():.3f}"
            )
        held[setting] = max(shares) < 0.5
        lines.append(f"{words}, {'; '.join(parts)}.")
    lines.append(_nothing(table))
    return _joined(lines, held)


def _nothing(table: pd.DataFrame) -> str:
    """How many values of the paper's settings say nothing."""
    paper = table[table.setting == "paper"]
    shares = {
        chain: (rows.information - rows.null_mean < _NOTHING).mean()
        for chain, rows in paper.groupby("chain", sort=False)
    }  # fmt: skip
    return (
        f"In the paper's settings {shares['forward']:.0%} of the forward and {shares['backward']:.0%} of the backward values are "
        f"less than {_NOTHING} bits above those of shuffled samples: whether the inequality holds between them is a property of "
        "the estimator, not of the network."
    )


def information(table: pd.DataFrame) -> str:
    """Fig. 3 a to d."""
    lines = [
        "The paper: the more filters, the more information, up to H(X), which 6 filters in the first and 32 in the second "
        "convolution nearly reach. It is counted as held where no larger number of filters ends with less information, beyond the deviations between seeds."
    ]
    held = {}
    for setting, words in _OURS.items():
        parts, grows = [], []
        for varied, layer in (("first", "c1"), ("second", "c3")):
            end = _end(varied_alone(table[table.setting == setting], varied, layer), varied)
            spread = end.multivariate_std.fillna(0)
            grows.append(bool((end.multivariate.diff() >= -(spread + spread.shift(1)))[1:].all()))
            parts.append(
                f"{layer} carries {_bits(end.multivariate)} bits with {_numbers(end)} filters, of H(X) = "
                f"{end.entropy_about.iloc[-1]:.2f}; shuffled samples have {_bits(end.multivariate_null_mean)}, so that "
                f"{_bits(end.excess)} are above them"
            )
        held[setting] = all(grows)
        lines.append(f"{words}, at the end of training {'; '.join(parts)}.")
    return _joined(lines, held)


def shares(table: pd.DataFrame) -> str:
    """Fig. 3 e to h."""
    lines = [
        "The paper: with more filters synergy gains on redundancy, but never outweighs it, and the non-redundant information of "
        "pairs stays below the information of the layer."
    ]
    held = {}
    for setting, words in _OURS.items():
        parts, gains, outweighs = [], [], []
        for varied, layer in (("first", "c1"), ("second", "c3")):
            part = varied_alone(table[table.setting == setting], varied, layer)
            end = _end(part, varied)
            share, null = end.redundancy_synergy_share, end.redundancy_synergy_share_null_mean
            gains.append(bool(share.is_monotonic_decreasing))
            outweighs.append(part.redundancy_synergy.min() < 0)
            parts.append(
                f"in {layer} redundancy less synergy is {_series(share)} of a pair's information with {_numbers(end)} filters, and "
                f"{_series(null)} for shuffled samples"
            )
        about = table[(table.setting == setting) & (table.about == "input")]
        below = bool((about.weighted_nonredundant < about.multivariate).all())
        held[setting] = all(gains) and not any(outweighs) and below
        lines.append(
            f"{words}, at the end of training {'; '.join(parts)}. Synergy "
            f"{'outweighs redundancy in some of the curves' if any(outweighs) else 'never outweighs redundancy'}; non-redundant "
            f"information is {'always' if below else 'not always'} below the layer's."
        )
    return _joined(lines, held)


def planes(table: pd.DataFrame) -> str:
    """Fig. 4."""
    lines = [
        "The paper: information about input and labels rises and does not fall again, whatever the activation function; "
        "non-redundant information falls late in training, and with sigmoid more than with ReLU. Compression is counted "
        "as the highest value of a curve less its last, in bits about the input, averaged over layers and topologies."
    ]
    held = {}
    for setting, words in _OURS.items():
        part = table[(table.setting == setting) & (table.about == "input")]
        keys = ["plane", "activation", "first", "second", "layer"]
        curves = part.sort_values("iteration").groupby(keys).information
        rows = (curves.max() - curves.last()).groupby(["plane", "activation"]).mean()
        spread = part.groupby(["plane", "activation"]).null_std.mean()
        held[setting] = bool(
            (rows["all"] <= 4 * spread["all"]).all()
            and (rows["non-redundant"] > 4 * spread["non-redundant"]).all()
            and rows["non-redundant", "sigmoid"] > rows["non-redundant", "relu"]
        )
        found = "; ".join(
            f"{'the plane' if plane == 'all' else 'its non-redundant form'} loses "
            + " and ".join(f"{value:.3f} bits with {activation}" for activation, value in rows[plane].items())
            + f" (the null's deviation: {spread[plane].mean():.3f})"
            for plane in ("all", "non-redundant")
        )
        lines.append(f"{words}, {found}.")
    return _joined(lines, held)


def _joined(lines: list[str], held: dict[str, bool]) -> str:
    with_ours = "and with bitlens's defaults as well" if held["bitlens"] else "and with bitlens's defaults it did not"
    if not held["paper"]:
        with_ours = "but with bitlens's defaults it did" if held["bitlens"] else "nor with bitlens's defaults"
    verdict = "held" if held["paper"] else "did not hold"
    return "\n\n".join([*lines, f"**In the paper's settings the claim {verdict}, {with_ours}.**"])


def _numbers(end: pd.DataFrame) -> str:
    return ", ".join(str(number) for number in end.index)


def _bits(values: pd.Series) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


def _series(values: pd.Series) -> str:
    return ", ".join(f"{value:.1%}" for value in values)


def _end(table: pd.DataFrame, varied: str) -> pd.DataFrame:
    """By number of filters, at the last iteration; with the excess over the null."""
    end = table[table.iteration == table.iteration.max()].set_index(varied).sort_index()
    return end.assign(excess=end.multivariate - end.multivariate_null_mean)
