"""Labels of all estimators: integers of every type and booleans are understood, everything else is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import bitlens

MAPS = np.random.default_rng(0).normal(size=(8, 3, 4, 4))
NUMBERED = re.escape("number the classes with np.unique(labels, return_inverse=True)[1]")

# id: (labels of 8 samples, error, message)
LABELS = {
    "floats": (np.zeros(8), TypeError, f"^labels: expected integers, got float64; {NUMBERED}$"),
    "strings": (list("abcdefgh"), TypeError, f"^labels: expected integers, got <U1; {NUMBERED}$"),
    "too few": (np.zeros(7, int), ValueError, r"^labels: expected shape \(8,\) to match the samples, got \(7,\)$"),
    "one-hot": (
        np.eye(8, dtype=int),
        ValueError,
        r"^labels: expected shape \(8,\) to match the samples, got \(8, 8\)$",
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
    "an Alignment": (
        lambda y: bitlens.renyi_entropy(MAPS.reshape(8, -1), bandwidth=bitlens.Alignment(labels=y)),
        "bandwidth: labels",
    ),
    "permutation_test": (
        lambda y: bitlens.permutation_test(bitlens.renyi_mutual_information, MAPS.reshape(8, -1), y).observed,
        "y",
    ),
}


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("name", LABELLED)
def test_labels_are_understood_in_every_integer_type_and_text_is_refused_in_the_same_words(name):
    call, argument = LABELLED[name]
    classes = np.array([0, 1, 1, 0, 1, 0, 0, 1])
    expected = call(classes)
    for dtype in (np.uint8, np.int16, np.uint16, np.int32, np.uint32, bool):
        assert call(classes.astype(dtype)) == expected
        assert call(torch.from_numpy(classes.astype(dtype))) == expected
    with pytest.raises(TypeError, match=f"^{argument}: expected integers, got <U3; {NUMBERED}$"):
        call(np.array(["yes", "no"])[classes])
