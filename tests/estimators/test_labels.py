"""Labels of all estimators: integers of every type and booleans are understood, everything else is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import bitlens

MAPS = np.random.default_rng(0).normal(size=(8, 3, 4, 4))
MODEL = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2))
NUMBERED = re.escape("number the classes with np.unique(labels, return_inverse=True)[1]")

# id: (labels of 8 samples, error, message)
LABELS = {
    "floats": (np.zeros(8), TypeError, f"^labels: expected integers, got float64; {NUMBERED}$"),
    "strings": (list("abcdefgh"), TypeError, f"^labels: expected integers, got <U1; {NUMBERED}$"),
    "too few": (np.zeros(7, int), ValueError, r"^labels: expected shape \(8,\) to match the samples, got \(7,\)$"),
    "one-hot": (
        np.eye(8, dtype=int),
        ValueError,
        r"^labels: expected shape \(8,\) to match the samples, got \(8, 8\); pass labels.argmax\(axis=1\)$",
    ),
    "negative": (np.arange(-1, 7), ValueError, "^labels: expected classes from 0 on, got -1$"),
    "a class without samples": (
        np.array([0, 0, 1, 1, 3, 3, 3, 3]),
        ValueError,
        "^labels: expected a sample of every class up to 3, got none of class 2$",
    ),
}


@pytest.mark.parametrize("row", LABELS)
def test_refused_labels(row):
    labels, error, message = LABELS[row]
    with pytest.raises(error, match=message):
        bitlens.channel_entropy(MAPS, labels)


# id: (what takes labels of 8 samples, its error of labels that are text)
LABELLED = {
    "channel_entropy": (lambda y: bitlens.channel_entropy(MAPS, y)[0, 0], "labels"),
    "neuron_information": (lambda y: bitlens.neuron_information(MAPS, y).mutual_information[0], "labels"),
    "binned_information": (lambda y: bitlens.binned_information(MAPS, y, 4).labels, "labels"),
    "pairwise_distance_information": (
        lambda y: bitlens.pairwise_distance_information(MAPS, y).upper.labels,
        "labels",
    ),
    "renyi_mutual_information": (lambda y: bitlens.renyi_mutual_information(MAPS.reshape(8, -1), y), "y"),
    "multivariate_information": (lambda y: bitlens.multivariate_information(y, MAPS, permutations=2)[0], "x"),
    "channel_decomposition": (lambda y: bitlens.channel_decomposition(y, MAPS).multivariate, "x"),
    "renyi_entropy": (lambda y: bitlens.renyi_entropy(y), "x"),
    "renyi_joint_entropy": (lambda y: bitlens.renyi_joint_entropy([y, y]), r"variables\[0\]"),
    "published_settings": (
        lambda y: bitlens.renyi_entropy(
            MAPS.reshape(8, -1), bandwidth=bitlens.published_settings("tensor-kernel", y)["bandwidth"]
        ),
        "bandwidth: labels",
    ),
    "cumulative_ablation": (
        lambda y: bitlens.cumulative_ablation(MODEL, (torch.ones(8, 3), y), "0", np.arange(2.0)).loss[0, 0],
        "data: labels",
    ),
    "an Alignment": (
        lambda y: bitlens.renyi_entropy(MAPS.reshape(8, -1), bandwidth=bitlens.Alignment(labels=y)),
        "bandwidth: labels",
    ),
    "permutation_test": (
        lambda y: bitlens.permutation_test(bitlens.renyi_mutual_information, MAPS.reshape(8, -1), y).observed,
        "y",
    ),
}


@pytest.mark.parametrize("name", [name for name, (_, argument) in LABELLED.items() if argument.endswith("labels")])
def test_one_hot_rows_are_refused_in_the_same_words(name):
    call, argument = LABELLED[name]
    message = r"expected shape \(8,\) to match the samples, got \(8, 2\); pass labels.argmax\(axis=1\)"
    integers = (np.eye(2, dtype=int)[np.arange(8) % 2], torch.eye(2).long()[torch.arange(8) % 2])
    for one_hot in (*integers, np.eye(2)[np.arange(8) % 2], torch.eye(2)[torch.arange(8) % 2]):
        with pytest.raises(ValueError, match=f"^{argument}: {message}$"):
            call(one_hot)


def test_one_column_of_labels_is_not_taken_for_one_hot_codes():
    for labels in (np.zeros((8, 1), int), np.zeros((8, 1))):
        with pytest.raises(ValueError, match=r"to match the samples, got \(8, 1\); pass labels\[:, 0\]$"):
            bitlens.channel_entropy(MAPS, labels)


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("name", LABELLED)
def test_labels_are_understood_in_every_integer_type_and_text_is_refused_in_the_same_words(name):
    call, argument = LABELLED[name]
    classes = np.array([0, 1, 1, 0, 1, 0, 0, 1])
    expected = call(classes)
    for dtype in (np.uint8, np.int16, np.uint16, np.int32, np.uint32, bool):
        assert call(classes.astype(dtype)) == expected
        assert call(torch.from_numpy(classes.astype(dtype))) == expected
    assert call(classes.tolist()) == expected
    for texts, kind in ((np.array(["yes", "no"])[classes], "<U3"), (["yes", "no"] * 4, "<U3"), ([None] * 8, "object")):
        with pytest.raises(TypeError, match=f"^{argument}: expected integers, got {kind}; {NUMBERED}$"):
            call(texts)
