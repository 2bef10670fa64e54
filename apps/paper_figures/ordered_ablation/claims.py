"""The slides' claims about their figures, and the verdicts on them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from paper_figures.common.page import Tables, markdown_table
from paper_figures.common.verdict import (
    FEWEST_SEEDS,
    Outcome,
    Verdict,
    difference_from,
    difference_of_means,
    mean_and_deviation,
    most,
    together,
)
from paper_figures.ordered_ablation.comparisons import (
    ORDERS,
    SCOPES,
    by_count,
    compared,
    excess,
    largest_distance,
    limits,
    of_orders,
    orders_by_scope,
    regularized,
    share_of_first_layer,
)
from paper_figures.ordered_ablation.measuring import LOST, ROLES
from paper_figures.ordered_ablation.networks import DROPOUT, L2, LAYERS, NARROW, Settings

BOUNDS = {"information_bottleneck": False, "input_compression": True}
"""Whether the constant of a bound is known."""
_MOST = 0.5
_CHANCE = (
    f"A difference that does not exceed its deviation between at least {FEWEST_SEEDS} seeds, or the deviation "
    "between random orders, is not decided."
)
# Bits below the logarithm of the number of images.
_SATURATED = 0.01


def judge(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Verdict]:
    """Return the verdicts by name."""
    areas, neurons, roles = tables["areas"], tables["neurons"], tables["roles"]
    return {
        "distributions": distributions(neurons),
        "across": across(areas),
        "within": within(areas),
        "paradox": paradox(areas, neurons),
        "across, to the mean": across(areas, "mean"),
        "few": few(roles),
        "spare": spare(roles),
        "regularization": regularization(areas, neurons, roles),
        "bounds": bounds(tables["errors"], BOUNDS),
    }


def accuracies(areas: pd.DataFrame) -> str:
    """Return a table: mean accuracy over all removals, and after how many removals the network is destroyed."""
    header = ["network", "turned off in", *ORDERS.values()]
    header += [f"{LOST:.0%} lost after: lowest first", "highest first", "random", "neurons"]
    rows = []
    for (network, mode, scope), part in areas.groupby(["network", "mode", "scope"], sort=False):
        by_order = [part[part.order == order] for order in ORDERS]
        means = [mean_and_deviation(order.area, 3) for order in by_order]
        counts = [mean_and_deviation(order.destroyed, 0) for order in by_order]
        where = SCOPES[scope] + (", to the mean" if mode == "mean" else "")
        rows.append([network, where, *means, *counts, part.neurons.iloc[0]])
    return markdown_table(header, rows)


def across(areas: pd.DataFrame, mode: str = "zero") -> Verdict:
    """Judge whether neurons with high information seem useless across the network."""
    lines, held = [], {}
    for network, rows in areas.groupby("network", sort=False):
        place = {"network": network, "mode": mode, "scope": "network"}
        pairs = [("ascending", "descending"), ("ascending", "random"), ("descending", "random")]
        differences = [of_orders(areas, place, *pair) for pair in pairs]
        parts = [compared(*pair, difference) for pair, difference in zip(pairs, differences, strict=True)]
        counted = rows[(rows["mode"] == mode) & (rows.scope == "network")]
        lines.append(f"{network}: {'; '.join(parts)}. {by_count(counted, differences[0])}")
        held[str(network)] = together(difference.lower for difference in differences[:2])
    return Verdict(
        "Across the network, neurons with high information seem useless or even harmful.",
        "The claim counts as held if turning off the neurons with the lowest information first hurts sooner than "
        f"turning off those with the highest information first, and sooner than random orders. {_CHANCE}",
        "\n\n".join(lines),
        held,
    )


def within(areas: pd.DataFrame) -> Verdict:
    """Judge whether neurons with high information are useful within a layer."""
    lines, held = [], {}
    for network, rows in areas.groupby("network", sort=False):
        for layer in LAYERS:
            place = {"network": network, "mode": "zero", "scope": layer}
            high, low = (of_orders(areas, place, order, "random") for order in ("descending", "ascending"))
            counted = rows[(rows["mode"] == "zero") & (rows.scope == layer)]
            between = of_orders(areas, place, "ascending", "descending")
            lines.append(
                f"{network}, {SCOPES[layer]}: {compared('descending', 'random', high)}; "
                f"{compared('ascending', 'random', low)}. {by_count(counted, between)}"
            )
            held[f"{network}, {SCOPES[layer]}"] = together([high.lower, low.higher])
    return Verdict(
        "Within a layer, neurons with high information are useful: turning off the highest first hurts sooner than "
        "random orders, and turning off the lowest first hurts later.",
        f"The claim counts as held if both statements are true. {_CHANCE}",
        "\n\n".join(lines),
        held,
    )


def distributions(neurons: pd.DataFrame) -> Verdict:
    """Judge whether layers have different distributions of the neurons' information."""
    lines, held = [], {}
    for network, rows in excess(neurons).groupby("network", sort=False):
        distances, allowed = [], []
        for _, part in rows.groupby("seed"):
            distance, limit = largest_distance(*(part[part.layer == layer].excess for layer in LAYERS))
            distances.append(distance)
            allowed.append(limit)
        means = [mean_and_deviation(rows[rows.layer == layer].groupby("seed").excess.mean(), 3) for layer in LAYERS]
        constant = [((rows.layer == layer) & (rows.entropy == 0)).sum() / rows.seed.nunique() for layer in LAYERS]
        lines.append(
            f"{network}: a neuron has {means[0]} bits above its bias on average in layer 1 and {means[1]} bits in "
            f"layer 2. The "
            f"distances are {', '.join(f'{distance:.3f}' for distance in distances)}, and the limit is "
            f"{allowed[0]:.3f}. On average over seeds, {constant[0]:.1f} neurons of layer 1 and {constant[1]:.1f} "
            "neurons of layer 2 never change between on and off."
        )
        larger = {distance > limit for distance, limit in zip(distances, allowed, strict=True)}
        held[str(network)] = larger.pop() if len(larger) == 1 and len(distances) >= FEWEST_SEEDS else None
    return Verdict(
        "Layers have different distributions of the neurons' information.",
        "The claim counts as held if, in every seed, the distance of Kolmogorov and Smirnov between the "
        "distributions of both layers is larger than the distance that two samples of one distribution stay below in "
        f"19 of 20 cases, and as not held if it is smaller in every seed; there must be at least {FEWEST_SEEDS} seeds. "
        "The excess of the information over the bias of an unrelated neuron is compared. Neurons are treated as "
        "independent.",
        "\n\n".join(lines),
        held,
    )


def paradox(areas: pd.DataFrame, neurons: pd.DataFrame) -> Verdict:
    """Judge Simpson's paradox."""
    lines, held = [], {}
    for network in areas.network.unique():
        places = [{"network": network, "mode": "zero", "scope": scope} for scope in SCOPES]
        first, second, whole = (of_orders(areas, place, "ascending", "descending") for place in places)
        lines.append(
            f"{network}: the mean accuracy of lowest first less that of highest first is {first.mean:+.3f} in layer "
            f"1, {second.mean:+.3f} in layer 2 and {whole.mean:+.3f} across the network. "
            f"{orders_by_scope(first, second, whole)} Layer 1 has "
            f"{share_of_first_layer(neurons[neurons.network == network]):.0%} of the half of all neurons that has the "
            "lowest information."
        )
        held[str(network)] = together([first.higher, second.higher, whole.lower])
    return Verdict(
        "The order across layers misleads, which is Simpson's paradox.",
        "The claim counts as held if in both layers highest first hurts sooner than lowest first, but across the "
        f"network lowest first hurts sooner than highest first. {_CHANCE}",
        "\n\n".join(lines),
        held,
    )


def few(roles: pd.DataFrame) -> Verdict:
    """Judge whether a few neurons suffice."""
    names = [*ROLES, "sufficient", "decisive"]
    counts = []
    for (network, scope), rows in roles.groupby(["network", "scope"], sort=False):
        cells = [mean_and_deviation(rows[name], 1) for name in names]
        counts.append([network, SCOPES[scope], *cells, rows.neurons.iloc[0]])
    held = {}
    for network, rows in roles.groupby("network", sort=False):
        layers = [rows[rows.scope == layer] for layer in LAYERS]
        held[str(network)] = together(difference_from(part.sufficient / part.neurons, _MOST).lower for part in layers)
    return Verdict(
        "A few neurons suffice, those with the highest information (40 of 250 and 100 of 500 neurons of a layer in "
        "networks for CIFAR-10).",
        "Neurons suffice if the network keeps 95% of the accuracy beyond that without all neurons. The claim counts "
        "as held if in each layer fewer than half of the neurons suffice, by more than two deviations between at least "
        f"{FEWEST_SEEDS} seeds, and as not held if more than half are needed in one of them.",
        markdown_table(["network", "scope", *names, "neurons"], counts),
        held,
    )


def spare(roles: pd.DataFrame) -> Verdict:
    """Judge whether narrow networks have fewer neurons to spare."""
    parts, fewer = [], list[Outcome]()
    for layer in LAYERS:
        rows = roles[roles.scope == layer]
        shares = (rows.redundant + rows.inactive) / rows.neurons
        of_wide, of_narrow = (shares[rows.network == network] for network in (L2, NARROW))
        difference = difference_of_means(of_narrow, of_wide)
        fewer.append(difference.lower)
        parts.append(
            f"in {SCOPES[layer]} {mean_and_deviation(of_narrow, 2)} in {NARROW} and {mean_and_deviation(of_wide, 2)} "
            f"in {L2} (difference {difference.mean:+.3f}, {difference.allowed:.3f} allowed)"
        )
    return Verdict(
        "The narrow network has fewer neurons to spare. (The slides show 100-100 and 30-30 side by side.)",
        "The share of a layer's neurons that are redundant or inactive is compared. The claim counts as held if it "
        f"is lower in both layers of the narrow network, by more than the sum of the deviations between at least "
        f"{FEWEST_SEEDS} seeds of both networks.",
        f"Here, the share is {'; '.join(parts)}.",
        {f"{NARROW} compared with {L2}": together(fewer)},
    )


def regularization(areas: pd.DataFrame, neurons: pd.DataFrame, roles: pd.DataFrame) -> Verdict:
    """Judge whether dropout and weight decay make different networks."""
    rows, apart = [], list[Outcome]()
    for name, digits, decayed, dropped in regularized(areas, neurons, roles):
        apart.append(difference_of_means(dropped, decayed).higher is not None or None)
        cells = [mean_and_deviation(values, digits) for values in (decayed, dropped)]
        rows.append([name, *cells, "yes" if apart[-1] else "not decided"])
    return Verdict(
        "Networks with L2 and networks with dropout differ. (The slides show their curves one after the other.)",
        "Two numbers differ if the difference is larger than the sum of the deviations between at least "
        f"{FEWEST_SEEDS} seeds of both; a smaller difference is not decided. The claim counts as held if most of the "
        "numbers differ.",
        f"{markdown_table(['', L2, DROPOUT, 'differ'], rows)}\n\nHere, {apart.count(True)} of "
        f"{len(apart)} numbers differ.",
        {f"{DROPOUT} compared with {L2}": most(apart)},
    )


def bounds(errors: pd.DataFrame, known: dict[str, bool]) -> Verdict:
    """Judge the bounds of the generalization gap; `known` has their names, and whether their constant is known."""
    most = math.log2(errors.test.iloc[0])
    saturated = bool((errors.information > most - _SATURATED).all())
    lines = [
        f"I(X; L) of the last hidden layer, estimated by binning, is {limits(errors.information, 3)} bits; it cannot "
        f"exceed log2 n = {most:.3f} bits. "
        + (
            "It is saturated: hardly any two images fall into the same bins, so the estimate depends on the number "
            "of images and not on the network. The information of the distribution is higher, and the true bounds "
            "are looser than these."
            if saturated
            else "Not all networks saturate it, but close to the limit the estimate is too low, and so are the bounds."
        )
    ]
    gap = errors.test_error - errors.training_error
    held: dict[str, Outcome] = {}
    for network, rows in errors.groupby("network", sort=False):
        values = "; ".join(
            f"{name.replace('_', ' ')} {limits(rows[name], 4)}{'' if constant else ' times an unknown constant'}"
            for name, constant in known.items()
        )
        lines.append(
            f"{network}: {mean_and_deviation(rows.training_error, 4)} of the training images and "
            f"{mean_and_deviation(rows.test_error, 4)} of the test images are wrong, a gap of "
            f"{mean_and_deviation(gap[rows.index], 4)}. Bounds: {values}."
        )
        held |= {
            f"{network}, {name.replace('_', ' ')}": difference_from(rows[name] - gap[rows.index]).higher
            for name, constant in known.items()
            if constant
        }
    return Verdict(
        "The gap between the expected and the training loss is bounded by the information I(X; L) of a layer about "
        "the input.",
        "The loss is 1 for a wrong image and 0 for a right one; the expected loss is estimated from the test images. "
        "The claim counts as held if the gap is below the bound by more than two deviations between at least "
        f"{FEWEST_SEEDS} seeds. A bound with an unknown constant "
        "cannot be tested on a single network and is only shown.",
        "\n\n".join(lines),
        held,
    )
