"""Runs of arrays that another library has computed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bitlens
from bitlens.runs import Layer, RunError, RunWriter, open_run

RNG = np.random.default_rng(0)
STATES = {"conv": RNG.random((12, 5, 4, 3)), "output": RNG.random((12, 2))}
IMAGES = RNG.random((12, 6, 6, 1)).astype(np.float32)
LABELS = np.arange(12) % 2


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_arrays_become_a_run(store: Path) -> None:
    for epoch in (3, 12):
        states = {name: array + epoch for name, array in STATES.items()}
        bitlens.record_arrays(
            store, epoch, states, inputs=IMAGES, labels=LABELS, classes=["cat", "dog"], metrics={"loss": epoch},
            model="flax", channel_axis={"conv": -1, "input": 3},
        )  # fmt: skip
    run = open_run(store)
    assert run.layers == (
        Layer("input", "input", (1, 6, 6), 3),
        Layer("conv", "array", (3, 5, 4), 3),
        Layer("output", "output", (2,), 1),
    )
    assert (run.epochs, run.classes, run.manifest.model) == ([3, 12], ("cat", "dog"), "flax")
    assert run.metrics == {3: {"loss": 3.0}, 12: {"loss": 12.0}}
    np.testing.assert_array_equal(run.inputs, IMAGES)
    np.testing.assert_array_equal(run.labels, LABELS)
    np.testing.assert_array_equal(run.activations("conv", 12), np.moveaxis(STATES["conv"] + 12, 3, 1).astype("f4"))
    np.testing.assert_array_equal(run.activations("input", 3), np.moveaxis(IMAGES, 3, 1))
    assert float(bitlens.training_performance(run).accuracy.sel(epoch=3)) == np.mean(
        STATES["output"].argmax(1) == LABELS
    )


def test_it_is_the_run_that_a_recorder_writes(store: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(64, 2))
    images = torch.rand(12, 1, 6, 6)
    with bitlens.Recorder(model, tmp_path / "recorded", (images, torch.arange(12) % 2), show_size=False) as recorder:
        recorder.snapshot(0)
    with torch.no_grad():
        states = {"0": model[0](images), "output": model(images)}
    bitlens.record_arrays(store, 0, states, inputs=images, labels=LABELS)
    own, recorded = open_run(store), open_run(tmp_path / "recorded")
    assert own.manifest.probe_sha256 == recorded.manifest.probe_sha256
    for measure, arguments in [
        (bitlens.layer_diversity, {"k": 3}),
        (bitlens.information_plane, {"permutations": 2}),
        (bitlens.processing_inequalities, {"permutations": 2}),
    ]:
        one, other = measure(own, **arguments), measure(recorded, **arguments)
        assert one.identical(other), measure.name


class WithArray:
    """An array of a library that NumPy does not know, such as JAX."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.values if dtype is None else self.values.astype(dtype)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (WithArray(np.ones((4, 3))), np.ones((4, 3))),
        (torch.ones(4, 3, requires_grad=True), np.ones((4, 3))),
        (torch.ones(4, 3, dtype=torch.bfloat16), np.ones((4, 3))),
        (np.ones((4, 3), ">f8"), np.ones((4, 3))),
        (np.ones((4, 3), np.uint8), np.ones((4, 3))),
        (np.ones((4, 3), bool), np.ones((4, 3))),
        (np.asfortranarray(np.arange(12.0).reshape(4, 3)), np.arange(12).reshape(4, 3)),
        (np.arange(4.0), np.arange(4)[:, None]),
        (np.array([[np.nan, np.inf]] * 4), np.array([[np.nan, np.inf]] * 4)),
    ],
)
def test_arrays_of_many_kinds(store: Path, given: Any, expected: np.ndarray) -> None:
    bitlens.record_arrays(store, 0, {"a": given})
    values = open_run(store).activations("a", 0)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, expected)


class WithDlpack:
    """An array that offers DLPack alone."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


def test_arrays_through_dlpack(store: Path) -> None:
    bitlens.record_arrays(store, 0, {"a": WithDlpack(np.arange(8.0).reshape(4, 2))})
    np.testing.assert_array_equal(open_run(store).activations("a", 0), np.arange(8).reshape(4, 2))


def test_a_run_without_inputs_and_labels(store: Path) -> None:
    for epoch in (0, 1):
        bitlens.record_arrays(store, epoch, {"a": RNG.random((20, 6)), "b": RNG.random((20, 3, 4))})
    run = open_run(store)
    assert not run.has_inputs
    assert (run.labels, run.classes) == (None, ())
    assert run.slice(layer="a", sample=3).array().shape == (2, 6)
    with pytest.raises(RunError, match="was recorded without inputs"):
        _ = run.inputs
    for measure in (bitlens.input_diversity, bitlens.processing_inequalities):
        with pytest.raises(RunError, match=f"was recorded without inputs, which {measure.name} needs"):
            measure(run)
    for measure, target in ((bitlens.information_plane, ()), (bitlens.layer_decomposition, ("b",))):
        with pytest.raises(RunError, match=f"without inputs and without labels, of which {measure.name} needs one"):
            measure(run, *target)
    assert bitlens.layer_diversity(run, k=3).layer.values.tolist() == ["a", "b"]
    assert bitlens.information_plane(run, estimator="binning").sizes["layer"] == 2
    assert bitlens.layer_pair_information(run, "a", "b", permutations=2).sizes["epoch"] == 2
    skipped: list[str] = []
    results = bitlens.measure(run, permutations=2, k=3, skipped=skipped.append)
    assert "layer diversity" in results
    assert len(skipped) == 6


def test_information_about_the_labels_alone(store: Path) -> None:
    bitlens.record_arrays(store, 0, {"a": RNG.random((20, 6)), "b": RNG.random((20, 3, 4))}, labels=["x", "y"] * 10)
    run = open_run(store)
    plane = bitlens.information_plane(run, permutations=2)
    assert plane.about.values.tolist() == ["labels"]
    assert plane.information.shape == (1, 1, 2)
    assert bitlens.layer_decomposition(run, "b", permutations=2).about.values.tolist() == ["labels"]


def test_later_calls_may_leave_out_the_probe(store: Path) -> None:
    labels, classes = ["b", "a"] * 6, ["b", "a", "c"]
    bitlens.record_arrays(store, 0, STATES, inputs=IMAGES, labels=labels, classes=classes, channel_axis=-1)
    bitlens.record_arrays(store, 1, STATES, channel_axis=-1)
    bitlens.record_arrays(store, 2, STATES, labels=labels, channel_axis=-1)
    bitlens.record_arrays(store, 3, STATES, inputs=IMAGES, channel_axis=-1)
    run = open_run(store)
    assert run.epochs == [0, 1, 2, 3]
    assert run.labels is not None
    assert run.labels.tolist() == [0, 1] * 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arrays": {"conv": STATES["conv"]}}, r"arrays: .*run has the layers \['input', 'conv', 'output'\], got \["),
        ({"arrays": {**STATES, "conv": STATES["conv"][:, 1:]}}, r"arrays: layer 'conv' of .* has shape \(3, 5, 4\) wi"),
        ({"arrays": {name: array[:5] for name, array in STATES.items()}, "inputs": IMAGES[:5], "labels": LABELS[:5]},
         "arrays: .*run has 12 samples, got 5"),
        ({"channel_axis": 1}, r"arrays: layer 'input' of .* has shape \(1, 6, 6\) with channel axis 3, got \("),
        ({"inputs": IMAGES + 1}, "inputs, labels, prompts, texts: .*run was recorded with others; pass the same"),
        ({"labels": 1 - LABELS}, "inputs, labels, prompts, texts: .*run was recorded with others; pass the same"),
        ({"classes": ["x", "y"]}, r"classes: .*run has the classes \('0', '1'\), got \('x', 'y'\)"),
        ({"model": "other"}, "store: .*run was recorded with another model"),
        ({"dtype": "float16"}, "store: .*run was recorded with another dtype"),
        ({"epoch": 0}, r"epoch: 0 is already recorded in .*run; recorded epochs: \[0\]"),
    ],
)  # fmt: skip
def test_later_calls_must_agree(store: Path, change: dict[str, Any], message: str) -> None:
    first = {"epoch": 0, "arrays": STATES, "inputs": IMAGES, "labels": LABELS, "channel_axis": -1}
    bitlens.record_arrays(store, **first)
    with pytest.raises(RunError, match=message):
        bitlens.record_arrays(store, **{**first, "epoch": 1, **change})
    assert open_run(store).epochs == [0]
    assert list(open_run(store).metrics) == [0]


def test_inputs_that_come_later_are_refused(store: Path) -> None:
    bitlens.record_arrays(store, 0, STATES)
    with pytest.raises(RunError, match=r"arrays: .* has the layers"):
        bitlens.record_arrays(store, 1, STATES, inputs=IMAGES)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"arrays": [np.ones((4, 3))]}, TypeError, "arrays: expected a mapping from names of layers to arrays, got"),
        ({"arrays": {}}, ValueError, "arrays: expected at least one layer, got an empty mapping"),
        ({"arrays": {3: np.ones((4, 3))}}, TypeError, "arrays: expected names that are texts, got 3"),
        ({"arrays": {"": np.ones((4, 3))}}, TypeError, "arrays: expected names that are texts, got ''"),
        ({"arrays": {"input": np.ones((4, 3))}}, ValueError, "arrays: 'input' has a meaning in runs; pass the inputs"),
        ({"arrays": {"gradient/a": np.ones((4, 3))}}, ValueError, "arrays: 'gradient/a' has a meaning in runs"),
        ({"arrays": {"a": [[1.0]]}}, TypeError, r"arrays\['a'\]: expected an array in the memory of the CPU, got list"),
        ({"arrays": {"a": np.ones((4, 3), complex)}}, TypeError, r"arrays\['a'\]: expected real numbers, got complex"),
        ({"arrays": {"a": np.array(["a"])}}, TypeError, r"arrays\['a'\]: expected real numbers, got <U1"),
        ({"arrays": {"a": np.ma.masked_array([1.0])}}, TypeError, r"arrays\['a'\]: expected an array without a mask"),
        ({"arrays": {"a": np.array(1.0)}}, ValueError, r"arrays\['a'\]: expected shape \(samples, ...\) without empty"),
        ({"arrays": {"a": np.ones((4, 0))}}, ValueError, r"arrays\['a'\]: expected shape \(samples, ...\) without"),
        ({"arrays": {"a": np.ones((4, 3)), "b": np.ones((5, 3))}}, ValueError, r"arrays\['b'\]: expected 4 samples as"),
        ({"inputs": np.ones((5, 3))}, ValueError, "inputs: expected 4 samples as in the arrays, got"),
        ({"labels": [0, 1]}, ValueError, r"labels: expected shape \(4,\) to match the samples, got \(2,\)"),
        ({"labels": np.eye(4)}, ValueError, r"labels: expected .*got \(4, 4\); pass labels.argmax\(axis=1\)"),
        ({"labels": [0.0, 1.0, 2.0, 0.0]}, TypeError, "labels: expected integers or texts, got float64"),
        ({"labels": [0, 1, -1, 0]}, ValueError, "labels: expected classes from 0 on, got -1 to 1"),
        ({"labels": ["a", "b", "c", None]}, TypeError, "labels: expected labels that are integers or texts, got "),
        ({"labels": ["a", "b", "c", "a"], "classes": ["a", "b"]}, ValueError, "labels: expected labels among classes"),
        ({"labels": [0, 1, 2, 0], "classes": ["a", "b"]}, ValueError, "classes: expected names for 3 classes, got 2"),
        ({"classes": ["a", "b"]}, ValueError, "classes: expected labels as well, got none; pass labels="),
        ({"channel_axis": 0}, ValueError, "channel_axis: expected 1 to 1 or -1 for 'a', got 0"),
        ({"channel_axis": 3}, ValueError, "channel_axis: expected 1 to 1 or -1 for 'a', got 3"),
        ({"channel_axis": 1.0}, TypeError, r"channel_axis: expected an integer, got 1\.0"),
        ({"channel_axis": {"b": 1}}, ValueError, r"channel_axis: expected layers among \['input', 'a'\], got 'b'"),
        ({"dtype": "float64"}, ValueError, r"dtype: expected one of \('float32', 'float16'\), got 'float64'"),
        ({"arrays": {"a": np.full((4, 3), 1e5)}, "dtype": "float16"}, ValueError, "dtype: layer 'a' has values that"),
        ({"epoch": -1}, ValueError, "epoch: expected 0 or more, got -1"),
        ({"epoch": 1.0}, TypeError, r"epoch: expected an integer, got 1\.0"),
        ({"metrics": {"loss": "low"}}, TypeError, "metrics: expected a number for 'loss', got 'low'"),
        ({"metrics": {"epoch": 1}}, ValueError, "metrics: expected names other than 'epoch'"),
    ],
)  # fmt: skip
def test_arguments_that_are_refused(store: Path, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bitlens.record_arrays(store, **{"epoch": 0, "arrays": {"a": np.ones((4, 3))}, **options})
    assert not store.exists()


def test_a_run_that_is_being_recorded_is_refused(store: Path) -> None:
    bitlens.record_arrays(store, 0, STATES, inputs=IMAGES)
    manifest = open_run(store).manifest
    with (
        RunWriter(store, manifest, {}),
        pytest.raises(RunError, match="is being recorded by this process"),
    ):
        bitlens.record_arrays(store, 1, STATES, inputs=IMAGES)


def test_pytorch_is_not_needed() -> None:
    program = "import sys, bitlens; bitlens.record_arrays; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
    assert "record_arrays" in bitlens.__all__
