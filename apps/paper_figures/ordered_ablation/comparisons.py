"""How orders of removal and distributions of neurons are compared, and the words for what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from paper_figures.common.verdict import Difference, between_seeds
from paper_figures.ordered_ablation.measuring import LOST
from paper_figures.ordered_ablation.networks import DROPOUT, L2, LAYERS

SCOPES = {"layer1": "layer 1", "layer2": "layer 2", "network": "the whole network"}
ORDERS = {"ascending": "lowest first", "descending": "highest first", "random": "random"}


def of_orders(areas: pd.DataFrame, place: dict[str, Any], first: str, second: str) -> Difference:
    """Return the mean accuracy of an order less that of another, at a network, mode and scope.

    Allowed is the larger of two deviations: of the difference between seeds, and of random orders among themselves.
    """
    rows = areas.loc[(areas[list(place)] == pd.Series(place)).all(axis=1)]
    by_seed = rows.pivot(index="seed", columns="order", values="area")
    difference = by_seed[first] - by_seed[second]
    chance = rows[rows.order == "random"].between_orders.mean()
    return Difference(float(difference.mean()), max(between_seeds(difference), float(chance)), len(difference))


def largest_distance(first: Any, second: Any) -> tuple[float, float]:
    """Return the distance of Kolmogorov and Smirnov, and its 95% quantile for two samples of one distribution."""
    samples = np.sort(first), np.sort(second)
    at = np.concatenate(samples)
    below = [np.searchsorted(values, at, side="right") / len(values) for values in samples]
    sizes = [len(values) for values in samples]
    limit = 1.358 * np.sqrt(sum(sizes) / (sizes[0] * sizes[1]))
    return float(np.abs(below[0] - below[1]).max()), float(limit)


def excess(neurons: pd.DataFrame) -> pd.DataFrame:
    """Return the neurons with the excess of their information over the bias of an unrelated neuron."""
    return neurons.assign(excess=neurons.information - neurons.bias)


def share_of_first_layer(neurons: pd.DataFrame) -> float:
    """Return the share of the first layer in the half of neurons with the lowest information; mean over seeds."""
    shares = []
    for _, rows in neurons.groupby("seed"):
        lowest = rows.sort_values("information", kind="stable").head(len(rows) // 2)
        shares.append((lowest.layer == LAYERS[0]).mean())
    return float(pd.Series(shares).mean())


def regularized(
    areas: pd.DataFrame, neurons: pd.DataFrame, roles: pd.DataFrame
) -> Iterator[tuple[str, int, pd.Series, pd.Series]]:
    """Go through what networks with L2 and with dropout are compared by: its name, its digits, and both's values."""
    for layer in LAYERS:
        means = excess(neurons[neurons.layer == layer]).groupby(["network", "seed"]).excess.mean()
        yield f"bits of a neuron above its bias, {SCOPES[layer]}", 3, means[L2], means[DROPOUT]
    usual = areas[areas["mode"] == "zero"].set_index("network")
    counts = roles.set_index("network")
    for scope, words in SCOPES.items():
        here = usual[usual.scope == scope]
        for order, called in ORDERS.items():
            rows = here[here.order == order].area
            yield f"mean accuracy, {words}, {called}", 3, rows[[L2]], rows[[DROPOUT]]
        enough = counts[counts.scope == scope].sufficient
        yield f"neurons that suffice, {words}", 1, enough[[L2]], enough[[DROPOUT]]


def compared(first: str, second: str, difference: Difference) -> str:
    """Return in a sentence which of two orders hurts sooner."""
    verb = (
        "sooner than" if difference.lower else "later than" if difference.higher else "not clearly sooner or later than"
    )
    return f"{ORDERS[first]} hurts {verb} {ORDERS[second]} ({difference.mean:+.3f}, {difference.allowed:.3f} allowed)"


def orders_by_scope(first: Difference, second: Difference, whole: Difference) -> str:
    """Return in a sentence which order hurts sooner within the layers and across the network."""
    layers = [SCOPES[layer] for layer, one in zip(LAYERS, (first, second), strict=True) if one.higher]
    inside = f"Highest first hurts sooner in {' and in '.join(layers) or 'neither layer'}"
    if whole.lower:
        outside = "across the network, lowest first hurts sooner"
    elif not whole.higher:
        outside = "across the network, neither clearly hurts sooner"
    elif whole.mean < min(first.mean, second.mean):
        outside = "across the network, highest first still hurts sooner, but by less than in both layers"
    else:
        outside = "across the network, highest first hurts sooner, by no less than in both layers"
    return f"{inside}; {outside}."


def by_count(rows: pd.DataFrame, by_area: Difference) -> str:
    """Return sentences: how many removals destroy the network, whether that agrees, and the mean losses."""
    means = rows.groupby("order").destroyed.mean()
    agrees = (means["ascending"] - means["descending"]) * by_area.mean > 0
    losses = rows.groupby("order").loss.mean()
    return (
        f"{LOST:.0%} of the accuracy is lost after {means['ascending']:.0f} neurons lowest first, "
        f"{means['descending']:.0f} highest first and {means['random']:.0f} in random orders, which "
        f"{'agrees' if agrees else 'does not agree'} on lowest and highest first. The mean loss is "
        f"{', '.join(f'{losses[order]:.2f} bits {words}' for order, words in ORDERS.items())}."
    )


def limits(values: pd.Series, digits: int) -> str:
    """Return the lowest and the highest value, or the one that both round to."""
    ends = [f"{value:.{digits}f}" for value in (values.min(), values.max())]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)
