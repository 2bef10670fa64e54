"""The paper's claims about layers and channels, Fig. 7 to 13, and the verdicts on them."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd

from paper_figures.cnnslicer.networks import DEPTHS, LATER
from paper_figures.common.verdict import (
    FEWEST_SEEDS,
    Difference,
    Outcome,
    Verdict,
    difference_from,
    difference_of_means,
    mean_and_deviation,
    together,
)

CHANCE = (
    f"A difference that does not exceed the sum of its deviations between at least {FEWEST_SEEDS} seeds is not decided."
)
OWN = (
    f"A mean that is not further from its limit than two deviations between at least {FEWEST_SEEDS} seeds is not "
    "decided."
)


def similar(table: pd.DataFrame) -> Verdict:
    """Judge whether channels with similar patterns in the heat map have similar feature maps."""
    rows = []
    for _, of_seed in table.groupby("seed"):
        best = of_seed.loc[of_seed.patterns.idxmax()]
        rows.append((best.maps, of_seed.maps.median(), of_seed.patterns.corr(of_seed.maps)))
    found = pd.DataFrame(rows, columns=["best", "median", "correlation"])
    difference = difference_of_means(found.best, found["median"])
    return Verdict(
        "Two filters with similar patterns in the heat map act similarly (Fig. 7 and 8).",
        "The claim counts as held if the feature maps of the two most similar columns are correlated more than those "
        "of the "
        f"median pair. {CHANCE}",
        f"Correlation of the feature maps: {mean_and_deviation(found.best, 2)} for the most similar columns, "
        f"{mean_and_deviation(found['median'], 2)} for the median pair. Over all pairs, the similarity of columns "
        "and that of "
        f"feature maps are correlated by {mean_and_deviation(found.correlation, 2)}.",
        {"": difference.higher},
    )


def _matrices(table: pd.DataFrame) -> dict[tuple[int, int], pd.DataFrame]:
    return {
        (int(seed), int(epoch)): rows.pivot(index="channel_a", columns="channel_b", values="mutual_information")
        for (seed, epoch), rows in table.groupby(["seed", "epoch"])
    }


def diagonal(table: pd.DataFrame) -> Verdict:
    """Judge whether a channel shares most with the same channel behind the pooling."""
    shares = pd.DataFrame(
        [
            (seed, epoch, float((matrix.to_numpy().argmax(1) == range(len(matrix))).mean()))
            for (seed, epoch), matrix in _matrices(table).items()
        ],
        columns=["seed", "epoch", "share"],
    )
    numbers = "; ".join(
        f"epoch {epoch}: {mean_and_deviation(rows.share, 2)}" for epoch, rows in shares.groupby("epoch")
    )
    held: dict[str, Outcome] = {
        f"epoch {epoch}": difference_from(rows.share, 0.5).higher for epoch, rows in shares.groupby("epoch")
    }
    return Verdict(
        "Before and behind a max-pooling, the diagonal of the heat map has the highest mutual information (Fig. 9).",
        f"The claim counts as held if most channels share most with themselves. {OWN}",
        f"Share of the channels: {numbers}.",
        held,
    )


def redundant(table: pd.DataFrame) -> Verdict:
    """Judge whether rows of the heat map become less similar."""
    found = pd.DataFrame(
        [
            (seed, epoch, float(matrix.T.corr().where(lambda c: ~_same(c)).stack().mean()))
            for (seed, epoch), matrix in _matrices(table).items()
        ],
        columns=["seed", "epoch", "similarity"],
    )
    of_epoch = {epoch: rows.similarity for epoch, rows in found.groupby("epoch")}
    numbers = "; ".join(f"epoch {epoch}: {mean_and_deviation(values, 3)}" for epoch, values in of_epoch.items())
    return Verdict(
        "Many rows of the heat map are similar in early epochs, and fewer later (Fig. 9).",
        "The claim counts as held if the mean correlation of two rows is lower at the end than before training. "
        f"{CHANCE}",
        f"Mean correlation: {numbers}.",
        {"": difference_of_means(of_epoch[max(of_epoch)], of_epoch[min(of_epoch)]).lower},
    )


def _same(square: pd.DataFrame) -> pd.DataFrame:
    names = square.index.to_numpy()
    return pd.DataFrame(names[:, None] == names, square.index, square.columns)


def later(table: pd.DataFrame) -> Verdict:
    """Judge whether conv1 shares less with later layers."""
    of_layer = {layer: table[table.layer == layer].excess for layer in LATER}
    steps = [difference_of_means(of_layer[b], of_layer[a]) for a, b in pairwise(LATER)]
    whole = difference_of_means(of_layer[LATER[-1]], of_layer[LATER[0]])
    numbers = "; ".join(f"{layer} {mean_and_deviation(values, 3)}" for layer, values in of_layer.items())
    risen = sum(step.higher is True for step in steps)
    return Verdict(
        "The mutual information between the first layer and later ones decreases with depth (Fig. 10).",
        "The claim counts as held if the mean excess over shuffled samples of conv1 with the last of these layers is "
        "lower "
        f"than that with the first, and rises at no step by more than chance. {CHANCE}",
        f"Mean excess in bits: {numbers}. Steps that rise: {risen}.",
        {"": together([whole.lower, risen == 0])},
    )


def _by_channel(table: pd.DataFrame) -> pd.DataFrame:
    """By seed, layer and channel: mean and relative deviation over classes; constant channels are left out."""
    classes = table[table.group != "all samples"]
    groups = classes.groupby(["seed", "layer", "channel"]).intra_sample_entropy
    found = pd.DataFrame({"mean": groups.mean(), "deviation": groups.std(ddof=1)}).reset_index()
    found = found[found["mean"] > 0]
    return found.assign(spread=found.deviation / found["mean"])


def consistent(table: pd.DataFrame) -> Verdict:
    """Judge whether low layers treat all classes alike."""
    low, high = _of_depth(_by_channel(table), "spread")
    return Verdict(
        "Filters of low layers are more consistent over the classes than those of high layers (Fig. 11).",
        "The claim counts as held if the deviation of a channel's intra-sample entropy between classes, relative to "
        "its "
        f"mean, is lower in {DEPTHS[0]} than in {DEPTHS[1]} (mean over channels). {CHANCE}",
        f"Relative deviation: {DEPTHS[0]} {mean_and_deviation(low, 3)}, {DEPTHS[1]} {mean_and_deviation(high, 3)}.",
        {"": difference_of_means(low, high).lower},
    )


def higher(table: pd.DataFrame) -> Verdict:
    """Judge whether low layers have higher entropies."""
    low, high = _of_depth(_by_channel(table), "mean")
    return Verdict(
        "Channels of low layers have higher intra-sample entropies than those of high layers (Fig. 11).",
        f"The claim counts as held if the mean over channels is higher in {DEPTHS[0]} than in {DEPTHS[1]}. {CHANCE}",
        f"Bits: {DEPTHS[0]} {mean_and_deviation(low, 2)}, {DEPTHS[1]} {mean_and_deviation(high, 2)}. The maps of "
        f"{DEPTHS[1]} have fewer values, which limits their entropy.",
        {"": difference_of_means(low, high).higher},
    )


def _of_depth(table: pd.DataFrame, column: str) -> tuple[pd.Series, pd.Series]:
    means = table.groupby(["layer", "seed"])[column].mean()
    return means[DEPTHS[0]], means[DEPTHS[1]]


def channel(table: pd.DataFrame) -> Verdict:
    """Judge whether the channel with the smallest entropy is the same for every class."""
    found: list[tuple[str, float]] = []
    for (layer, _), rows in table.groupby(["layer", "seed"]):
        classes = rows[rows.group != "all samples"]
        smallest = classes.loc[classes.groupby("group").intra_sample_entropy.idxmin()].channel
        found.append((str(layer), float(smallest.value_counts().max() / len(smallest))))
    shares = pd.DataFrame(found, columns=["layer", "share"])
    of_layer = {layer: shares[shares.layer == layer].share for layer in DEPTHS}
    limits: dict[str, Difference] = {layer: difference_from(values, 0.9) for layer, values in of_layer.items()}
    numbers = "; ".join(f"{layer} {mean_and_deviation(values, 2)}" for layer, values in of_layer.items())
    return Verdict(
        "One channel has a small intra-sample entropy for every class (Fig. 12).",
        f"The claim counts as held if one channel is the smallest for more than 90% of the classes. {OWN}",
        f"Share of the classes with the most frequent smallest channel: {numbers}.",
        {layer: limit.higher for layer, limit in limits.items()},
    )


def detail(table: pd.DataFrame) -> Verdict:
    """Judge whether projections of channels of low entropy have fewer details."""
    living = table[table.dead == 0]
    correlations = pd.Series([rows.entropy.corr(rows.detail, "spearman") for _, rows in living.groupby("seed")])
    return Verdict(
        "The deconvolution of a channel of low intra-sample entropy has fewer details (Fig. 13).",
        "The claim counts as held if the entropy of channels and that of the values of their projections have a "
        "positive "
        f"rank correlation. {OWN}",
        f"Rank correlation over the channels of {DEPTHS[1]}: {mean_and_deviation(correlations, 2)}.",
        {"": difference_from(correlations).higher},
    )
