"""The paper's claims about trainings, Fig. 4 to 6, and the verdicts on all claims."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pandas as pd

from paper_figures.cnnslicer.channel_claims import (
    CHANCE,
    channel,
    consistent,
    detail,
    diagonal,
    higher,
    later,
    redundant,
    similar,
)
from paper_figures.cnnslicer.networks import Settings
from paper_figures.common.page import Tables
from paper_figures.common.verdict import Outcome, Verdict, difference_of_means, mean_and_deviation, together


def judge(tables: Tables, settings: Mapping[str, Settings]) -> dict[str, Verdict]:
    """Return the verdicts by name."""
    return {
        "convergence": convergence(tables["progress"], settings["progress"].low),
        "inputs": inputs(tables["inputs"]),
        "stable": stable(tables["uncertainty"]),
        "unpredicted": unpredicted(tables["confusion"], tables["uncertainty"]),
        "similar": similar(tables["similar"]),
        "diagonal": diagonal(tables["pooling"]),
        "redundant": redundant(tables["pooling"]),
        "later": later(tables["later"]),
        "consistent": consistent(tables["entropies"]),
        "higher": higher(tables["entropies"]),
        "channel": channel(tables["entropies"]),
        "detail": detail(tables["projections"]),
    }


def convergence(table: pd.DataFrame, low: float) -> Verdict:
    """Judge whether smaller training sets need more epochs."""
    first = {key: rows.loss.iloc[0] for key, rows in table.groupby(["seed", "size"])}
    last = int(table.epoch.max())
    epochs = {
        key: int(rows.epoch[rows.loss < low * first[key]].min()) if (rows.loss < low * first[key]).any() else last + 1
        for key, rows in table.groupby(["seed", "size"])
    }
    counted = pd.Series(epochs).rename_axis(["seed", "size"]).rename("epochs").reset_index()
    sizes = sorted(counted["size"].unique())
    of_size = {size: counted[counted["size"] == size].epochs for size in sizes}
    numbers = "; ".join(f"{size} a class: {mean_and_deviation(values, 1)}" for size, values in of_size.items())
    return Verdict(
        "A smaller data set takes more epochs until the loss is flat (Fig. 4A).",
        "The claim counts as held if the smallest set needs more epochs than the largest until its training loss is "
        "below "
        f"{low:.0%} of that before training. {CHANCE}",
        f"Epochs until then, {last + 1} where it is not reached: {numbers}.",
        {"": difference_of_means(of_size[sizes[0]], of_size[sizes[-1]]).higher},
    )


def inputs(table: pd.DataFrame) -> Verdict:
    """Judge whether larger training sets are more diverse, and whether more than their number of samples makes them."""
    sizes = sorted(table["size"].unique())
    excess = table.assign(excess=table.inter_sample_entropy - table.null)
    of_size = {size: excess[excess["size"] == size] for size in sizes}

    def grows(name: str) -> Outcome:
        return together(difference_of_means(of_size[b][name], of_size[a][name]).higher for a, b in pairwise(sizes))

    numbers = "; ".join(
        f"{size} a class: {mean_and_deviation(rows.inter_sample_entropy, 2)}, shuffled "
        f"{mean_and_deviation(rows.null, 2)}, difference {mean_and_deviation(rows.excess, 2)}"
        for size, rows in of_size.items()
    )
    grown = of_size[sizes[-1]].mean(numeric_only=True) - of_size[sizes[0]].mean(numeric_only=True)
    return Verdict(
        "A data set of more samples has a higher inter-sample entropy (Fig. 4B).",
        "The claim counts as held if the entropy increases from each size to the next. It counts as held beyond the "
        "number of samples if the entropy less that of images whose pixels were shuffled between images, which are "
        f"equally diverse at every size, increases as well. {CHANCE}",
        f"Bits of the images, of shuffled images, and the difference: {numbers}. From the smallest to the largest set "
        f"the entropy grows by {grown.inter_sample_entropy:.2f} bits, and that of shuffled images by {grown.null:.2f} "
        "bits, which comes from the number of samples alone.",
        {"The entropy": grows("inter_sample_entropy"), "Beyond the number of samples": grows("excess")},
    )


def stable(table: pd.DataFrame) -> Verdict:
    """Judge whether the uncertainty of labels is more stable with more images."""
    end = table[table.epoch >= table.epoch.max() // 3].sort_values("epoch")
    changes = (
        end.groupby(["size", "seed", "class"])["label_given_predicted"]
        .apply(lambda values: values.diff().abs().mean())
        .groupby(["size", "seed"])
        .mean()
        .rename("change")
        .reset_index()
    )
    sizes = sorted(changes["size"].unique())
    of_size = {size: changes[changes["size"] == size].change for size in sizes}
    numbers = "; ".join(f"{size} a class: {mean_and_deviation(of_size[size], 3)}" for size in sizes)
    return Verdict(
        "H(label | prediction) becomes stable earlier with more training images (Fig. 5).",
        "The claim counts as held if its mean change from epoch to epoch, after a third of the training, is smaller "
        "for "
        f"the largest set than for the smallest. {CHANCE}",
        f"Bits per epoch: {numbers}.",
        {"": difference_of_means(of_size[sizes[-1]], of_size[sizes[0]]).lower},
    )


def unpredicted(confusion: pd.DataFrame, uncertainty: pd.DataFrame) -> Verdict:
    """Judge whether the entropy is missing exactly where the column of the confusion matrix is empty."""
    keys = ["seed", "size", "epoch"]
    columns = confusion.groupby([*keys, "predicted"]).samples.sum().reset_index().rename(columns={"predicted": "class"})
    merged = columns.merge(uncertainty, on=[*keys, "class"])
    empty, missing = merged.samples == 0, merged.label_given_predicted.isna()
    return Verdict(
        "H(label | prediction) is infinite in early epochs for classes whose column in the confusion matrix is empty "
        "(Fig. 5C and 6).",
        "The claim counts as held if the entropy has no value for exactly those classes that are not predicted, and "
        "there "
        "are such classes. bitlens gives no value in place of infinity.",
        f"At epochs 0 and 1 {int(empty.sum())} of {len(merged)} columns are empty, and {int(missing.sum())} "
        "entropies have "
        "no value.",
        {"": bool((empty == missing).all()) if empty.any() else None},
    )
