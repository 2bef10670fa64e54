"""The paper's claims about its network, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from paper_figures.common.page import Tables
from paper_figures.common.verdict import (
    FEWEST_SEEDS,
    Outcome,
    Verdict,
    difference_from,
    difference_of_means,
    mean_and_deviation,
    together,
)
from paper_figures.seein_in.networks import Settings

RECTIFIED, LINEAR = "with ReLU", "without ReLU"
_CHANCE = (
    f"A difference that does not exceed the sum of its deviations between at least {FEWEST_SEEDS} seeds is not decided."
)
_OWN = (
    f"A mean that is not further from its limit than two deviations between at least {FEWEST_SEEDS} seeds is not "
    "decided."
)
_SAME = f"If it is true of some seeds only, or with fewer than {FEWEST_SEEDS} seeds, it is not decided."


def judge(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Verdict]:
    """Return the verdicts by name."""
    clusters = tables["clusters"]
    return {
        "separated": separated(clusters),
        "eight": extreme(clusters, 8, "foreign", "most permeated with other digits", largest=True),
        "origin": extreme(clusters, 8, "distance", "nearest to the origin", largest=False),
        "one": extreme(clusters, 1, "spread", "that with the smallest variance", largest=False),
        "field": field(tables["field"]),
        "degenerate": degenerate(tables["embedding"]),
        "quadrant": quadrant(tables["units"]),
        "groups": groups(tables["units"]),
        "dense": dense(tables["channels"]),
        "slant": slanted(tables["channels"]),
        "dependent": dependent(tables["ranks"]),
        "worse": worse(clusters),
    }


def of_all_seeds(outcomes: Iterable[bool]) -> Outcome:
    """Return whether something is true of all seeds or of none; None otherwise, or with few seeds."""
    given = list(outcomes)
    if len(given) < FEWEST_SEEDS or len(set(given)) > 1:
        return None
    return given[0]


def separated(clusters: pd.DataFrame) -> Verdict:
    """Judge whether the images of a class lie together in the output."""
    accuracy = clusters[clusters.variant == RECTIFIED].groupby("seed").accuracy.first()
    return Verdict(
        "The images cluster by label in the two-dimensional output and are fairly well separated (Fig. 2).",
        f"The claim counts as held if more than 90% of the images are nearest to the mean of their class. {_OWN}",
        f"Share of the test images: {mean_and_deviation(accuracy, 3)}.",
        {"": difference_from(accuracy, 0.9).higher},
    )


def extreme(clusters: pd.DataFrame, digit: int, column: str, words: str, *, largest: bool) -> Verdict:
    """Judge whether the cluster of a digit has the largest or the smallest value of all clusters."""
    rows = clusters[clusters.variant == RECTIFIED]
    best = [
        of_seed.loc[of_seed[column].idxmax() if largest else of_seed[column].idxmin(), "class"]
        for _, of_seed in rows.groupby("seed")
    ]
    means = rows.groupby("class")[column].mean()
    numbers = ", ".join(f"{label}: {value:.2f}" for label, value in means.items())
    return Verdict(
        f"The cluster of the {digit} is {words} (Fig. 2).",
        f"The claim counts as held if this is so for every seed. {_SAME}",
        f"It is the cluster of the {', '.join(str(int(label)) for label in best)} for the seeds in turn. Means by "
        "digit: "
        f"{numbers}.",
        {"": of_all_seeds(int(label) == digit for label in best)},
    )


def field(table: pd.DataFrame) -> Verdict:
    """Judge whether receptive fields are the pixels that a position depends on."""
    sides = ("top", "bottom", "left", "right")
    equal = all((table[side] == table[f"reached_{side}"]).all() for side in sides)
    return Verdict(
        "A point of a layer with maps belongs to a part of the image, its receptive field (Fig. 3).",
        "The claim counts as held if the boxes of `receptive_fields` are those of the pixels whose gradient is not "
        "0, in a "
        "copy of the network with mean pooling, whose gradient reaches every pixel of a window.",
        f"{len(table)} positions of pool2 were compared.",
        {"": equal},
    )


def degenerate(embedding: pd.DataFrame) -> Verdict:
    """Judge whether images that lie among other digits are near the origin."""
    length = (embedding.x**2 + embedding.y**2) ** 0.5
    wrong = embedding["class"] != embedding.nearest
    means = embedding.assign(length=length, wrong=wrong).groupby(["wrong", "seed"]).length.mean()
    inside, others = (means[means.index.get_level_values("wrong") == value] for value in (True, False))
    numbers = (
        f"{mean_and_deviation(inside, 2)} and {mean_and_deviation(others, 2)}" if len(inside) else "there are none"
    )
    return Verdict(
        "Degenerate digits cluster around the origin of the output (Fig. 6).",
        "The claim counts as held if images that are nearest to the mean of another class are nearer to the origin "
        "than the "
        f"others. {_CHANCE}",
        f"Mean distance to the origin of these images and of the others: {numbers}. The paper calls images "
        "degenerate by "
        "their look; here it is the error that tells.",
        {"": difference_of_means(inside, others).lower if len(inside) else None},
    )


def quadrant(units: pd.DataFrame) -> Verdict:
    """Judge whether the outputs of the ReLU lie in the first quadrant."""
    return Verdict(
        "The ReLU constrains the points to the first quadrant of all scatter plots (Fig. 7).",
        "The claim counts as held if no output of the layer is negative.",
        f"The lowest output of {len(units)} units is {units.lowest.min():.3g}.",
        {"": bool((units.lowest >= 0).all())},
    )


def groups(units: pd.DataFrame) -> Verdict:
    """Judge whether units fire for one or two classes."""
    living = units[units.classes > 0]
    shares = living.assign(few=living.classes <= 2).groupby("seed").few.mean()
    return Verdict(
        "Behind the ReLU, groups of features fire together for one or two classes to the exclusion of all others "
        "(Fig. 7).",
        "The claim counts as held if most units that fire at all have a mean output above half of their highest one "
        "for at "
        f"most two classes. {_OWN}",
        f"Share of these units: {mean_and_deviation(shares, 2)}; {len(units) - len(living)} of {len(units)} never "
        "fire.",
        {"": difference_from(shares, 0.5).higher},
    )


def dense(channels: pd.DataFrame) -> Verdict:
    """Judge whether a channel of pool2 has a region that ones dominate."""
    best = channels.groupby("seed").ones.max()
    return Verdict(
        "A part of the space of the second pooling layer is dominated by parts of ones (Fig. 8).",
        f"The claim counts as held if most of the highest 5% of the points of some channel are of ones. {_OWN}",
        f"Share of ones in the best channel: {mean_and_deviation(best, 2)}; of all images about 0.11 are ones.",
        {"": difference_from(best, 0.5).higher},
    )


def slanted(channels: pd.DataFrame) -> Verdict:
    """Judge whether a channel of pool2 encodes the slant of ones."""
    best = channels.assign(size=channels.slant.abs()).groupby("seed")["size"].max()
    return Verdict(
        "A single feature of the second pooling layer encodes the slant of the digit 1 (Fig. 9).",
        "The claim counts as held if the highest activation of some channel in an image of a 1 is correlated with "
        "its slant "
        f"by more than 0.5, in either direction. {_OWN}",
        f"Largest correlation: {mean_and_deviation(best, 2)}. The slant is the shear of the ink, from its second "
        "moments. "
        f"The best of {channels.channel.nunique()} channels is chosen by this very number.",
        {"": difference_from(best, 0.5).higher},
    )


def dependent(ranks: pd.DataFrame) -> Verdict:
    """Judge whether outputs without the ReLU are linearly dependent."""
    of_variant = {variant: ranks[ranks.variant == variant]["rank"] for variant in (RECTIFIED, LINEAR)}
    numbers = ", ".join(f"{variant} {mean_and_deviation(values, 2)}" for variant, values in of_variant.items())
    return Verdict(
        "Without the ReLU, the second fully connected layer is riddled with linear dependences between features "
        "(Fig. 10).",
        f"The claim counts as held if the effective rank of its outputs is lower without the ReLU. {_CHANCE}",
        f"Effective rank of {int(ranks.units.iloc[0])} units: {numbers}.",
        {"": difference_of_means(of_variant[LINEAR], of_variant[RECTIFIED]).lower},
    )


def worse(clusters: pd.DataFrame) -> Verdict:
    """Judge whether classes are separated less without the ReLU."""
    accuracy = clusters.groupby(["variant", "seed"]).accuracy.first()
    difference = difference_of_means(accuracy[LINEAR], accuracy[RECTIFIED])
    numbers = ", ".join(f"{variant} {mean_and_deviation(accuracy[variant], 3)}" for variant in (RECTIFIED, LINEAR))
    return Verdict(
        "Without the ReLU the output is not as well separated as with it (section on the ReLU).",
        f"The claim counts as held if fewer images are nearest to the mean of their class. {_CHANCE}",
        f"Share of the test images: {numbers}.",
        {"": together([difference.lower])},
    )
