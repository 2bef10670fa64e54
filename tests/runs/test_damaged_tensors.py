"""Tensors of a run that are not what the manifest says: labels, inputs and activations."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bitlens.runs import RunError, open_run
from tests.support.damaged_runs import INPUTS, LABELS, record_known_run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("runs") / "run"
    record_known_run(store)
    return store


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "run"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2, -3, 1, 2], r"labels: expected 0 to 2 for 3 classes, got -3 at sample 3"),
        ([0, 1, 2, 0, 1, 3], r"labels: expected 0 to 2 for 3 classes, got 3 at sample 5"),
        (np.array([0, 1, 2, 0, 1, 2**64 - 1], np.uint64), "got 18446744073709551615 at sample 5"),
        ([0, 1, 2, 0, 1], r"'labels': expected \(6,\), got int64 \(5,\)"),
        ([[0], [1], [2], [0], [1], [2]], r"'labels': expected \(6,\), got int64 \(6, 1\)"),
        (np.array([0, 1, 2, 0, 1, 2.0]), "labels: expected integers, got float64"),
        (np.array([True] * 6), "labels: expected integers, got bool"),
        (None, "does not contain 'labels'"),
    ],
)
def test_labels(store: Path, labels: Any, message: str) -> None:
    probe = {"inputs": INPUTS} | ({} if labels is None else {"labels": np.asarray(labels)})
    save_file(probe, store / "probe.safetensors")
    run = open_run(store)
    for read in (lambda: run.labels, lambda: run.slice(label=1)):
        with pytest.raises(RunError, match=rf"probe\.safetensors.*{message}"):
            read()


def test_small_labels_are_read_as_int64(store: Path) -> None:
    save_file({"inputs": INPUTS, "labels": LABELS.astype(np.uint8)}, store / "probe.safetensors")
    labels = open_run(store).labels
    assert labels is not None
    assert labels.dtype == np.int64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv": np.zeros((6, 2, 3, 5), np.float32)}, r"'conv': expected float32 \(6, 2, 3, 4\), got float32 \(6, 2"),
        ({"conv": np.zeros((5, 2, 3, 4), np.float32)}, r"'conv': expected float32 \(6, 2, 3, 4\), got float32 \(5, 2"),
        ({"conv": np.zeros((6, 24), np.float32)}, r"'conv': expected float32 \(6, 2, 3, 4\), got float32 \(6, 24\)"),
        ({"conv": np.zeros((6, 2, 3, 4), np.float16)}, r"'conv': expected float32 \(6, 2, 3, 4\), got float16"),
        ({"conv": None}, r"0001\.safetensors does not contain 'conv'"),
    ],
)
def test_tensors_of_another_shape(store: Path, change: dict[str, Any], message: str) -> None:
    path = store / "epochs" / "0001.safetensors"
    tensors = load_file(path) | change
    save_file({name: array for name, array in tensors.items() if array is not None}, path)
    run = open_run(store)
    run.activations("output", 1)
    for channels in (None, [0]):
        with pytest.raises(RunError, match=message):
            run.activations("conv", 1, channels=channels)


def test_inputs_of_another_shape(store: Path) -> None:
    save_file({"inputs": INPUTS[:5], "labels": LABELS}, store / "probe.safetensors")
    run = open_run(store)
    for read in (lambda: run.inputs, run.slice, lambda: run.activations("input", 0)):
        with pytest.raises(RunError, match=r"probe\.safetensors is damaged: inputs: expected 6 samples of shape"):
            read()
    save_file({"inputs": INPUTS.reshape(6, 20), "labels": LABELS}, store / "probe.safetensors")
    with pytest.raises(RunError, match=r"expected inputs of shape \(6, 1, 4, 5\) with axis 1 as the chan"):
        open_run(store).activations("input", 0)
