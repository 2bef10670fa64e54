"""Labels: integers and booleans are understood, everything else is refused; samples of any numbers may be one-hot."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bitlens
from bitlens import differentiable

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
    "shannon_invariants": (lambda y: bitlens.shannon_invariants(y, MAPS, permutations=2).joint, "x"),
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
    "Alignment": (
        lambda y: bitlens.renyi_entropy(MAPS.reshape(8, -1), bandwidth=bitlens.Alignment(labels=y)),
        "bandwidth: labels",
    ),
    "permutation_test": (
        lambda y: bitlens.permutation_test(bitlens.renyi_mutual_information, MAPS.reshape(8, -1), y).observed,
        "y",
    ),
}


CLASSES = np.array([0, 1, 1, 0, 1, 0, 0, 1])
# id: rows of the same classes
ONE_HOT = {
    "int64": np.eye(2, dtype=np.int64)[CLASSES],
    "uint8": np.eye(2, dtype=np.uint8)[CLASSES],
    "bool": np.eye(2, dtype=bool)[CLASSES],
    "float16": np.eye(2, dtype=np.float16)[CLASSES],
    "float64": np.eye(2)[CLASSES],
    "list": np.eye(2, dtype=int)[CLASSES].tolist(),
    "int64 tensor": torch.nn.functional.one_hot(torch.from_numpy(CLASSES)),
    "bool tensor": torch.eye(2, dtype=torch.bool)[torch.from_numpy(CLASSES)],
    "float32 tensor": torch.eye(2)[torch.from_numpy(CLASSES)],
}


def recorded_by_recorder(labels: Any, store: Path) -> list[int]:
    with bitlens.Recorder(MODEL, store, (torch.ones(8, 3), labels), show_size=False) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(store).labels.tolist()


def recorded_from_arrays(labels: Any, store: Path) -> list[int]:
    bitlens.record_arrays(store, 0, {"a": MAPS}, labels=labels)
    return bitlens.open_run(store).labels.tolist()


def ablated(labels: Any, store: Path) -> float:
    with bitlens.Recorder(MODEL, store, (torch.ones(8, 3), CLASSES), weights=[0], show_size=False) as recorder:
        recorder.snapshot(0)
    data = (torch.ones(8, 3), labels)
    return float(bitlens.layer_ablation(bitlens.open_run(store), MODEL, ["0"], data=data).loss.values.ravel()[0])


def aligned(labels: Any, store: Path) -> float:
    rule = bitlens.Alignment(labels=torch.as_tensor(labels))
    return float(differentiable.renyi_entropy(torch.from_numpy(MAPS), bandwidth=rule))


# id: (what takes labels of 8 samples and a folder, its name of the labels)
WITH_A_FOLDER = {
    "Recorder": (recorded_by_recorder, "probe: labels"),
    "record_arrays": (recorded_from_arrays, "labels"),
    "layer_ablation": (ablated, "data: labels"),
    "differentiable Alignment": (aligned, "bandwidth: labels"),
}
ONLY_LABELS: dict[str, tuple[Callable[[Any, Path], Any], str]] = WITH_A_FOLDER | {
    name: (lambda y, _, call=call: call(y), argument)
    for name, (call, argument) in LABELLED.items()
    if argument.endswith("labels")
}


def test_the_table_has_every_argument_that_is_labels():
    functions = {name: x for name in bitlens.__all__ if inspect.isfunction(x := getattr(bitlens, name))}
    taken = {name for name, function in functions.items() if "labels" in inspect.signature(function).parameters}
    assert {"channel_entropy", "record_arrays"} <= taken <= set(ONLY_LABELS)


@pytest.mark.parametrize("name", ONLY_LABELS)
def test_one_hot_rows_are_refused_in_the_same_words(name: str, tmp_path: Path) -> None:
    call, argument = ONLY_LABELS[name]
    call(CLASSES, tmp_path / "run")
    message = r"expected shape \(8,\) to match the samples, got \(8, 2\); pass labels.argmax\(axis=1\)"
    for kind, one_hot in ONE_HOT.items():
        with pytest.raises(ValueError, match=f"^{argument}: {message}$"):
            call(one_hot, tmp_path / kind)


@pytest.mark.parametrize("call", [recorded_by_recorder, recorded_from_arrays])
def test_a_run_numbers_texts_because_it_keeps_their_names(call, tmp_path: Path) -> None:
    for store, texts in enumerate((np.array(["a", "b"])[CLASSES], np.array(["a", "b"])[CLASSES].tolist())):
        assert call(texts, tmp_path / str(store)) == CLASSES.tolist()
        assert bitlens.open_run(tmp_path / str(store)).classes == ("a", "b")


def as_tensor(y: Any) -> torch.Tensor:
    return y if isinstance(y, torch.Tensor) else torch.as_tensor(np.asarray(y))


# id: what takes samples of any numbers, or labels, and a kernel
SAMPLES: dict[str, Callable[..., Any]] = {
    "renyi_entropy": lambda y, **kernel: bitlens.renyi_entropy(y, **kernel),
    "renyi_joint_entropy": lambda y, **kernel: bitlens.renyi_joint_entropy([y, y], **kernel),
    "renyi_mutual_information": lambda y, **kernel: bitlens.renyi_mutual_information(MAPS, y, **kernel),
    "multivariate_information": lambda y, **kernel: (
        bitlens.multivariate_information(y, MAPS, permutations=2, **kernel).information
    ),
    "channel_decomposition": lambda y, **kernel: bitlens.channel_decomposition(y, MAPS, **kernel).multivariate,
    "shannon_invariants": lambda y, **kernel: bitlens.shannon_invariants(y, MAPS, permutations=2, **kernel).joint,
    "differentiable renyi_entropy": lambda y, **kernel: float(differentiable.renyi_entropy(as_tensor(y), **kernel)),
    "differentiable renyi_joint_entropy": lambda y, **kernel: float(
        differentiable.renyi_joint_entropy([as_tensor(y)] * 2, **kernel)
    ),
    "differentiable renyi_mutual_information": lambda y, **kernel: float(
        differentiable.renyi_mutual_information(torch.from_numpy(MAPS), as_tensor(y), **kernel)
    ),
    "differentiable multivariate_information": lambda y, **kernel: float(
        differentiable.multivariate_information(as_tensor(y), torch.from_numpy(MAPS), **kernel)
    ),
}


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("name", SAMPLES)
def test_one_hot_rows_are_numbers_where_samples_are_taken(name: str) -> None:
    """A linear kernel of one-hot rows is that of labels; a Gaussian one is not."""
    call = SAMPLES[name]
    gaussian, linear = call(np.eye(2)[CLASSES]), call(CLASSES, kernel=bitlens.Linear())
    assert gaussian == pytest.approx(call(np.eye(2)[CLASSES] * 3 + 5), abs=1e-6)  # the median follows the unit
    assert abs(gaussian - call(CLASSES)) > 0.01
    for one_hot in ONE_HOT.values():
        assert call(one_hot) == pytest.approx(gaussian, abs=1e-6)
        assert call(one_hot, kernel=bitlens.Linear()) == pytest.approx(linear, abs=1e-6)


def test_one_column_of_labels_is_not_taken_for_one_hot_codes():
    for labels in (np.zeros((8, 1), int), np.zeros((8, 1))):
        with pytest.raises(ValueError, match=r"to match the samples, got \(8, 1\); pass labels\[:, 0\]$"):
            bitlens.channel_entropy(MAPS, labels)


@pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")
@pytest.mark.parametrize("name", LABELLED)
def test_labels_are_understood_in_every_integer_type_and_text_is_refused_in_the_same_words(name):
    call, argument = LABELLED[name]
    expected = call(CLASSES)
    for dtype in (np.uint8, np.int16, np.uint16, np.int32, np.uint32, bool):
        assert call(CLASSES.astype(dtype)) == expected
        assert call(torch.from_numpy(CLASSES.astype(dtype))) == expected
    assert call(CLASSES.tolist()) == expected
    for texts, kind in ((np.array(["yes", "no"])[CLASSES], "<U3"), (["yes", "no"] * 4, "<U3"), ([None] * 8, "object")):
        with pytest.raises(TypeError, match=f"^{argument}: expected integers, got {kind}; {NUMBERED}$"):
            call(texts)
