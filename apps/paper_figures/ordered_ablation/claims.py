"""What the slides say of each figure, and what the tables say of that: paragraphs whose numbers and verdicts are computed."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from paper_figures.ordered_ablation.networks import DROPOUT, L2, LAYERS, NARROW
from paper_figures.ordered_ablation.pictures import SCOPES
from paper_figures.ordered_ablation.tables import LOST, ROLES, Difference, farthest, of_networks, of_orders, spread

_WORDS = {"ascending": "lowest first", "descending": "highest first", "random": "random"}
_MOST = 0.5
_SATURATED = 0.01
"""Bits below the logarithm of the number of images."""


class Claim(NamedTuple):
    """What became of a claim."""

    text: str
    verdicts: dict[str, bool]
    """By what it is about."""

    def __str__(self) -> str:
        """With the verdicts."""
        lines = (f"**{about}: the claim {_held(held)}.**" for about, held in self.verdicts.items())
        return "\n\n".join([self.text, " ".join(lines)])


def accuracies(areas: pd.DataFrame) -> str:
    """A table: mean accuracy over all removals, and after how many the network is destroyed."""
    lines = [
        f"| network | turned off in | lowest first | highest first | random | {LOST:.0%} lost after: lowest first | highest first | random | of neurons |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (network, mode, scope), rows in areas.groupby(["network", "mode", "scope"], sort=False):
        by_order = {order: rows[rows.order == order] for order in _WORDS}
        means = [_about(part.area, 3) for part in by_order.values()]
        counts = [_about(part.destroyed, 0) for part in by_order.values()]
        where = SCOPES[scope] + (", to the mean" if mode == "mean" else "")
        lines.append("| " + " | ".join([network, where, *means, *counts, str(rows.neurons.iloc[0])]) + " |")
    return "\n".join(lines)


def across(areas: pd.DataFrame, mode: str = "zero") -> Claim:
    """Neurons of high information across the network."""
    lines = [
        "The slides: across the network, neurons of high information seem useless, or even harmful. It is counted as held where "
        "turning off those of lowest information first hurts sooner than highest first, and sooner than random orders."
    ]
    verdicts = {}
    for network, rows in areas.groupby("network", sort=False):
        place = {"network": network, "mode": mode, "scope": "network"}
        pairs = [("ascending", "descending"), ("ascending", "random"), ("descending", "random")]
        found = [of_orders(areas, place, *pair) for pair in pairs]
        parts = [_compared(*pair, one) for pair, one in zip(pairs, found, strict=True)]
        counted = rows[(rows["mode"] == mode) & (rows.scope == "network")]
        lines.append(f"{network}: {'; '.join(parts)}. {_by_count(counted, found[0])}")
        verdicts[str(network)] = found[0].lower and found[1].lower
    return Claim("\n\n".join(lines), verdicts)


def within(areas: pd.DataFrame) -> Claim:
    """Neurons of high information within a layer."""
    lines = [
        "The slides: within a layer, neurons of high information are useful: turning off the highest first hurts sooner than "
        "random orders, the lowest first later. It is counted as held where both are so."
    ]
    verdicts = {}
    for network, rows in areas.groupby("network", sort=False):
        for layer in LAYERS:
            place = {"network": network, "mode": "zero", "scope": layer}
            high, low = (of_orders(areas, place, order, "random") for order in ("descending", "ascending"))
            counted = rows[(rows["mode"] == "zero") & (rows.scope == layer)]
            between = of_orders(areas, place, "ascending", "descending")
            lines.append(
                f"{network}, {SCOPES[layer]}: {_compared('descending', 'random', high)}; "
                f"{_compared('ascending', 'random', low)}. {_by_count(counted, between)}"
            )
            verdicts[f"{network}, {SCOPES[layer]}"] = high.lower and low.higher
    return Claim("\n\n".join(lines), verdicts)


def distributions(neurons: pd.DataFrame) -> Claim:
    """Layers have different ones."""
    lines = [
        "The slides: layers have different distributions of the neurons' information. It is counted as held where, in every seed, the "
        "two are farther apart (Kolmogorov and Smirnov's distance) than two samples of one distribution are in 19 of 20 cases, "
        "neurons taken as independent."
    ]
    verdicts = {}
    for network, rows in neurons.groupby("network", sort=False):
        distances, limits = [], []
        for _, part in rows.groupby("seed"):
            distance, limit = farthest(*(part[part.layer == layer].information for layer in LAYERS))
            distances.append(distance)
            limits.append(limit)
        means = [_about(rows[rows.layer == layer].groupby("seed").information.mean(), 3) for layer in LAYERS]
        silent = [rows[(rows.layer == layer) & (rows.entropy == 0)].groupby("seed").size().sum() for layer in LAYERS]
        number = rows.seed.nunique()
        lines.append(
            f"{network}: a neuron has {means[0]} bits on average in layer 1, {means[1]} in layer 2; the distances are "
            f"{', '.join(f'{distance:.3f}' for distance in distances)}, of {limits[0]:.3f} allowed. On average over seeds, "
            f"{silent[0] / number:.1f} neurons of layer 1 and {silent[1] / number:.1f} of layer 2 never change between on and off."
        )
        verdicts[str(network)] = all(one > limit for one, limit in zip(distances, limits, strict=True))
    return Claim("\n\n".join(lines), verdicts)


def paradox(areas: pd.DataFrame, neurons: pd.DataFrame) -> Claim:
    """Simpson's."""
    lines = [
        "The slides: hence Simpson's paradox: the order across layers misleads. It is counted as held where in both layers highest "
        "first hurts sooner than lowest first, but in the whole network lowest first sooner than highest first."
    ]
    verdicts = {}
    for network in areas.network.unique():
        places = [{"network": network, "mode": "zero", "scope": scope} for scope in SCOPES]
        first, second, whole = (of_orders(areas, place, "ascending", "descending") for place in places)
        layers = [SCOPES[layer] for layer, one in zip(LAYERS, (first, second), strict=True) if one.higher]
        inside = f"highest first hurts sooner in {' and in '.join(layers) or 'neither layer'}"
        if whole.lower:
            words = "across the network, lowest first hurts sooner"
        elif not whole.higher:
            words = "across the network, neither hurts sooner"
        elif whole.mean < min(first.mean, second.mean):
            words = "across the network, highest first still hurts sooner, though by less than in both layers"
        else:
            words = "across the network, highest first hurts sooner, by no less than in both layers"
        lines.append(
            f"{network}: the mean accuracy of lowest first less that of highest first is {_signed(first)} in layer 1, "
            f"{_signed(second)} in layer 2 and {_signed(whole)} across the network. So {inside}; {words}. Of the half of all neurons with the "
            f"lowest information, {_lower_half(neurons[neurons.network == network]):.0%} are of layer 1."
        )
        verdicts[str(network)] = first.higher and second.higher and whole.lower
    return Claim("\n\n".join(lines), verdicts)


def few(roles: pd.DataFrame) -> Claim:
    """Enough neurons."""
    lines = [
        "The slides: a few neurons, those of highest information, suffice (in networks for CIFAR-10, 40 of 250 and 100 of 500 in a "
        "layer). They suffice where the network keeps 95% of the accuracy beyond that without all neurons; it is counted as held "
        "where in each layer, on average over seeds, fewer than half do.",
        _roles_table(roles),
    ]
    verdicts = {}
    for network, rows in roles.groupby("network", sort=False):
        shares = [(part.sufficient / part.neurons).mean() for part in (rows[rows.scope == layer] for layer in LAYERS)]
        verdicts[str(network)] = all(share < _MOST for share in shares)
    return Claim("\n\n".join(lines), verdicts)


def spare(roles: pd.DataFrame) -> Claim:
    """In narrow networks."""
    parts, fewer = [], []
    for layer in LAYERS:
        rows = roles[roles.scope == layer]
        shares = (rows.redundant + rows.inactive) / rows.neurons
        wide, narrow = (shares[rows.network == network] for network in (L2, NARROW))
        difference = of_networks(narrow, wide)
        fewer.append(difference.lower)
        parts.append(
            f"in {SCOPES[layer]} {_about(narrow, 2)} of {NARROW} and {_about(wide, 2)} of {L2} (difference {_signed(difference)})"
        )
    return Claim(
        "The slides show 100-100 and 30-30 side by side: the narrow network has fewer neurons to spare. Counted are the shares "
        "of a layer's neurons that are redundant or inactive, and it is counted as held where it is lower in both layers of "
        f"the narrow network by more than the deviations between the seeds of both.\n\nHere, the share is {'; '.join(parts)}.",
        {f"{NARROW} against {L2}": all(fewer)},
    )


def regularization(areas: pd.DataFrame, neurons: pd.DataFrame, roles: pd.DataFrame) -> Claim:
    """Dropout and weight decay."""
    quantities: dict[str, tuple[pd.Series, pd.Series]] = {}
    for layer in LAYERS:
        means = neurons[neurons.layer == layer].groupby(["network", "seed"]).information.mean()
        quantities[f"bits of a neuron, {SCOPES[layer]}"] = (means[L2], means[DROPOUT])
    usual = areas[areas["mode"] == "zero"].set_index("network")
    counts = roles.set_index("network")
    for scope, words in SCOPES.items():
        here = usual[usual.scope == scope]
        for order in _WORDS:
            rows = here[here.order == order].area
            quantities[f"mean accuracy, {words}, {_WORDS[order]}"] = (rows[[L2]], rows[[DROPOUT]])
        enough = counts[counts.scope == scope].sufficient
        quantities[f"neurons that suffice, {words}"] = (enough[[L2]], enough[[DROPOUT]])
    lines, apart = [f"| | {L2} | {DROPOUT} | differ |", "|---|---|---|---|"], []
    for name, (decayed, dropped) in quantities.items():
        apart.append(of_networks(dropped, decayed).apart)
        digits = 1 if name.startswith("neurons") else 3
        lines.append(
            f"| {name} | {_about(decayed, digits)} | {_about(dropped, digits)} | {'yes' if apart[-1] else 'no'} |"
        )
    table = "\n".join(lines)
    return Claim(
        "The slides show the curves of networks with L2 and with dropout one after the other; what is counted is whether they differ. Two numbers differ by more than the deviations "
        f"between the seeds of both together; it is counted as held where most numbers do.\n\n{table}\n\n"
        f"Here, {sum(apart)} of {len(apart)} differ.",
        {f"{DROPOUT} against {L2}": sum(apart) > _MOST * len(apart)},
    )


def bounds(errors: pd.DataFrame, names: dict[str, bool]) -> Claim:
    """Of the generalization gap; names of the bounds, and whether their constant is known."""
    most = math.log2(errors.test.iloc[0])
    saturated = bool((errors.information > most - _SATURATED).all())
    lines = [
        "The slides: the gap between the expected and the training loss is bounded by the information I(X; L) that a layer has of the "
        "input. The loss is 1 for a wrong image and 0 for a right one; the expected loss is taken from the test images. It is "
        "counted as held where the gap is below the bound in every seed. A bound of which only the growth is known says nothing "
        "of a single network, and is only shown.",
        f"I(X; L) of the last hidden layer, by binning, is {_range(errors.information, 3)} bits, and cannot exceed log2 n = {most:.3f}. "
        + (
            "It is saturated: hardly any two images fall into the same bins, so that it tells how many images were measured, and nothing of "
            "the network. The information of the distribution is higher, and the true bounds are looser than these."
            if saturated
            else "Not all networks saturate it, but near the limit it is too low, and the bounds with it."
        ),
    ]
    gap = errors.test_error - errors.training_error
    for network, rows in errors.groupby("network", sort=False):
        values = "; ".join(
            f"{name.replace('_', ' ')} {_range(rows[name], 4)}{'' if known else ' times an open constant'}"
            for name, known in names.items()
        )
        lines.append(
            f"{network}: {_about(rows.training_error, 4)} of the training and {_about(rows.test_error, 4)} of the test images are "
            f"wrong, a gap of {_about(gap[rows.index], 4)}; {values}."
        )
    return Claim(
        "\n\n".join(lines),
        {
            f"{network}, {name.replace('_', ' ')}": bool((gap[rows.index] < rows[name]).all())
            for network, rows in errors.groupby("network", sort=False)
            for name, known in names.items()
            if known
        },
    )


def _roles_table(roles: pd.DataFrame) -> str:
    names = [*ROLES, "sufficient", "decisive"]
    lines = [f"| network | scope | {' | '.join(names)} | of |", "|---" * (len(names) + 3) + "|"]
    for (network, scope), rows in roles.groupby(["network", "scope"], sort=False):
        counts = [_about(rows[name], 1) for name in names]
        lines.append("| " + " | ".join([network, SCOPES[scope], *counts, str(rows.neurons.iloc[0])]) + " |")
    return "\n".join(lines)


def _lower_half(neurons: pd.DataFrame) -> float:
    """Share of the first layer in the half that goes first in ascending order; mean over seeds."""
    shares = []
    for _, rows in neurons.groupby("seed"):
        lowest = rows.sort_values("information", kind="stable").head(len(rows) // 2)
        shares.append((lowest.layer == LAYERS[0]).mean())
    return float(pd.Series(shares).mean())


def _compared(one: str, other: str, found: Difference) -> str:
    words = "sooner than" if found.lower else "later than" if found.higher else "no sooner and no later than"
    return f"{_WORDS[one]} hurts {words} {_WORDS[other]} ({_signed(found)}, {found.allowed:.3f} allowed)"


def _by_count(rows: pd.DataFrame, by_area: Difference) -> str:
    """Whether the count of removals that destroy the network puts the two orders of information the same way."""
    means = rows.groupby("order").destroyed.mean()
    difference = means["ascending"] - means["descending"]
    agrees = difference * by_area.mean > 0
    losses = rows.groupby("order").loss.mean()
    return (
        f"{LOST:.0%} of the accuracy is lost after {means['ascending']:.0f} neurons lowest first, {means['descending']:.0f} highest "
        f"first, {means['random']:.0f} in random orders, which {'agrees' if agrees else 'does not agree'} on lowest and highest first. "
        f"The mean loss is {', '.join(f'{losses[order]:.2f} bits {words}' for order, words in _WORDS.items())}."
    )


def _signed(found: Difference) -> str:
    return f"{found.mean:+.3f}"


def _about(values: pd.Series, digits: int) -> str:
    return f"{values.mean():.{digits}f} ± {spread(values):.{digits}f}"


def _range(values: pd.Series, digits: int) -> str:
    ends = [f"{value:.{digits}f}" for value in (values.min(), values.max())]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def _held(held: bool) -> str:
    return "held" if held else "did not hold"
