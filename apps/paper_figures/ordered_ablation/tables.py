"""What the curves come to as numbers, for each seed, and how two numbers are compared over the seeds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import bitlens
from paper_figures.ordered_ablation.measuring import ORDERS

LOST = 0.9
"""Share of its accuracy that a network has lost when it counts as destroyed."""
ROLES = ("needed", "redundant", "synergistic", "inactive")
_NETWORK = ["network", "seed", "mode", "scope"]


def shown(raw: pd.DataFrame) -> pd.DataFrame:
    """The curves as they are drawn: means over seeds and random orders, and the range of them."""
    keys = ["network", "mode", "scope", "order", "removed"]
    grouped = raw.groupby(keys, sort=False)
    parts = [
        grouped[value].agg(["mean", "min", "max"]).set_axis([value, f"{value}_lowest", f"{value}_highest"], axis=1)
        for value in ("accuracy", "loss")
    ]
    return pd.concat(parts, axis=1).reset_index()


def areas(raw: pd.DataFrame) -> pd.DataFrame:
    """By network, seed, mode, scope and order: mean accuracy and loss over all removals, and how many destroy the network.

    Of random orders, means over them, and the standard deviation of the mean accuracy between them.
    """
    rows = []
    for place, scope in raw.groupby(_NETWORK, sort=False):
        for order in ORDERS:
            curves = _by_repeat(scope, order)
            means = curves.mean(axis=1)
            rows.append(
                dict(zip(_NETWORK, place, strict=True))
                | {
                    "order": order,
                    "neurons": curves.shape[1] - 1,
                    "area": means.mean(),
                    "between_orders": means.std(ddof=1) if len(means) > 1 else 0.0,
                    "loss": _by_repeat(scope, order, "loss").mean(),
                    "destroyed": np.mean([destroyed(curve) for curve in curves]),
                }
            )
    return pd.DataFrame(rows)


def destroyed(curve: Any) -> int:
    """After how many removals, one by one, `LOST` of the accuracy beyond that without all neurons is lost first."""
    whole, nothing = curve[0], curve[-1]
    return int((np.asarray(curve) <= nothing + (1 - LOST) * (whole - nothing)).argmax())


def roles(raw: pd.DataFrame) -> pd.DataFrame:
    """By network, seed and scope: what its neurons do, by `neuron_roles`."""
    rows = []
    for place, scope in raw[raw["mode"] == "zero"].groupby(_NETWORK, sort=False):
        lowest, highest, random = (_by_repeat(scope, order) for order in ORDERS)
        if not lowest[0, 0] > lowest[0, -1]:
            network, seed = place[:2]
            raise ValueError(f"{network}, seed {seed}: is no better than without its neurons; train more (--epochs)")
        count = lowest.shape[1] - 1
        found = bitlens.neuron_roles(np.arange(count + 1), lowest[0], highest[0], random)
        rows.append(dict(zip(_NETWORK, place, strict=True)) | {"neurons": count} | found._asdict())
    return pd.DataFrame(rows).drop(columns="mode")


class Difference(NamedTuple):
    """A mean over seeds, and up to where it may be chance."""

    mean: float
    allowed: float

    @property
    def lower(self) -> bool:
        """Beyond what is allowed."""
        return self.mean < -self.allowed

    @property
    def higher(self) -> bool:
        """Beyond what is allowed."""
        return self.mean > self.allowed

    @property
    def apart(self) -> bool:
        """Beyond what is allowed, in any direction."""
        return self.lower or self.higher


def of_orders(table: pd.DataFrame, place: dict[str, str], one: str, other: str) -> Difference:
    """The mean accuracy of one order less that of another.

    Allowed is the larger of two deviations: of the difference between seeds, and of random orders among themselves.
    """
    rows = table.loc[(table[list(place)] == pd.Series(place)).all(axis=1)]
    by_seed = rows.pivot(index="seed", columns="order", values="area")
    found = by_seed[one] - by_seed[other]
    chance = rows[rows.order == "random"].between_orders.mean()
    return Difference(float(found.mean()), max(spread(found), float(chance)))


def of_networks(one: pd.Series, other: pd.Series) -> Difference:
    """Means over the seeds of two networks; allowed are the deviations of both together."""
    return Difference(float(one.mean() - other.mean()), spread(one) + spread(other))


def spread(values: pd.Series) -> float:
    """The standard deviation between seeds; 0 where there is one."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def farthest(one: Any, other: Any) -> tuple[float, float]:
    """How far two distributions are apart at most (Kolmogorov and Smirnov), and from where on that is no chance in 19 of 20 cases."""
    first, second = np.sort(one), np.sort(other)
    at = np.concatenate([first, second])
    below = [np.searchsorted(values, at, side="right") / len(values) for values in (first, second)]
    limit = 1.358 * np.sqrt((len(first) + len(second)) / (len(first) * len(second)))
    return float(np.abs(below[0] - below[1]).max()), float(limit)


def _by_repeat(scope: pd.DataFrame, order: str, value: str = "accuracy") -> Any:
    """Accuracies or losses, [repeats, removals]."""
    rows = scope[scope.order == order]
    return rows.pivot(index="repeat", columns="removed", values=value).sort_index(axis=1).to_numpy()
