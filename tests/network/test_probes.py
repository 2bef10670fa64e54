"""Probes of all kinds: every recorded value is the model's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import bitlens
from bitlens.network import batches

X, Y = torch.rand(20, 4, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 3


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def record(path: Path, model: nn.Module, probe: Any, **options: Any) -> bitlens.Run:
    with bitlens.Recorder(model, path, probe, show_size=False, **options) as recorder:
        recorder.snapshot(0)
    return bitlens.open_run(path)


def check(run: bitlens.Run, layer: str, expected: Tensor, **tolerance: float) -> None:
    np.testing.assert_allclose(
        run.activations(layer, 0), expected.detach(), **{"rtol": 1e-5, "atol": 1e-6, **tolerance}
    )


class Items(Dataset[dict[str, Any]]):
    """A data set of dictionaries, as those of Hugging Face are."""

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {"x": X[i], "labels": int(Y[i])}


class Named(nn.Sequential):
    """A model that takes its input by name."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


NAMES = np.array(["cat", "ant", "bee"])
PROBES: dict[str, tuple[Callable[[], Any], list[int] | None]] = {
    "tuple": (lambda: (X, Y), Y.tolist()),
    "arrays": (lambda: (X.numpy(), Y.numpy()), Y.tolist()),
    "without labels": (lambda: (X, None), None),
    "uint16 labels": (lambda: (X, Y.to(torch.uint16)), Y.tolist()),
    "uint16 array of labels": (lambda: (X, Y.numpy().astype(np.uint16)), Y.tolist()),
    "list of labels": (lambda: (X, Y.tolist()), Y.tolist()),
    "boolean labels": (lambda: (X, Y > 0), (Y > 0).int().tolist()),
    "text labels": (lambda: (X, NAMES[Y]), [[2, 0, 1][y] for y in Y.tolist()]),
    "bytes as text labels": (lambda: (X, NAMES[Y].astype("S")), [[2, 0, 1][y] for y in Y.tolist()]),
    "text labels of NumPy 2": (lambda: (X, NAMES[Y].astype("T")), [[2, 0, 1][y] for y in Y.tolist()]),
    "list of texts": (lambda: (X, NAMES[Y].tolist()), [[2, 0, 1][y] for y in Y.tolist()]),
    "dict": (lambda: {"x": X, "labels": Y}, Y.tolist()),
    "dict without labels": (lambda: {"x": X}, None),
    "pair with a dict": (lambda: ({"x": X}, Y), Y.tolist()),
    "pair with a tuple": (lambda: ((X,), Y), Y.tolist()),
    "TensorDataset": (lambda: TensorDataset(X, Y), Y.tolist()),
    "Dataset of dicts": (Items, Y.tolist()),
    "DataLoader": (lambda: DataLoader(TensorDataset(X, Y), batch_size=7), Y.tolist()),
    "DataLoader of dicts": (lambda: DataLoader(Items(), batch_size=7), Y.tolist()),
    "list of pairs": (lambda: DataLoader(list(zip(X, NAMES[Y].tolist(), strict=True)), batch_size=6),
                      [[2, 0, 1][y] for y in Y.tolist()]),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBES)
def test_kinds_of_probes(name: str, tmp_path: Path) -> None:
    model = Named(*perceptron())
    make, labels = PROBES[name]
    run = record(tmp_path, model, make())
    check(run, "output", model(X))
    np.testing.assert_array_equal(run.inputs, X)
    assert labels == (None if run.labels is None else run.labels.tolist())
    if "text" in name or name == "list of pairs":
        assert run.classes == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("probe", "error", "message"),
    [
        ((X, torch.rand(20)), TypeError, "probe: expected integer labels, got torch.float32"),
        ((X, Y[:5]), ValueError, r"probe: labels: expected shape \(20,\) to match the samples, got \(5,\)"),
        ((X, torch.eye(3)[Y]), ValueError, r"got \(20, 3\); pass labels.argmax\(axis=1\)"),
        ((X, torch.eye(3).long()[Y]), ValueError, r"got \(20, 3\); pass labels.argmax\(axis=1\)"),
        ((X, Y[:, None]), ValueError, r"got \(20, 1\); pass labels\[:, 0\]"),
        ((X, Y + 2**40), ValueError, "probe: expected labels that number at most 16777216 classes, got 1099511627778"),
        ((X, Y - 1), ValueError, "probe: expected labels of at least 0, got -1"),
        (X, TypeError, r"probe: expected \(inputs, labels\), or \(inputs, None\) without labels, got "),
        (({}, Y), ValueError, "probe: expected at least one input, got none"),
        (({"x": X, "y": X[:3]}, Y), ValueError, r"probe: expected 20 samples in inputs.y, got shape \(3, 4\)"),
        ((["a", "b"], None), TypeError, "probe: expected inputs as a tensor or an array, got "),
        ((np.array(["a", "b"]), None), TypeError, "probe: expected numbers, got an array of <U1"),
        (TensorDataset(X[:0]), ValueError, "probe: expected at least one sample, got an empty data set"),
        (TensorDataset(X, Y, Y), TypeError, r"expected samples \(input, label\) in the data set, got 3 entries"),
    ],
)
def test_bad_probes(probe: Any, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        bitlens.Recorder(perceptron(), tmp_path / "run", probe)


class NeedsTwo(nn.Module):
    """Refuses a batch of one sample, and notes the sizes of batches."""

    sizes: list[int]

    def forward(self, x: Tensor) -> Tensor:
        if len(x) == 1:
            raise ValueError("one sample")
        self.sizes.append(len(x))
        return 2 * x


@pytest.mark.parametrize(("n", "size", "expected"), [
    (257, None, [128, 129]), (256, None, [256]), (513, None, [171, 171, 171]), (5, 2, [2, 3]), (3, 2, [3]),
    (9, 4, [3, 3, 3]), (2, 1, None), (10, 4, [3, 3, 4]),
])  # fmt: skip
def test_batches_are_nearly_equal(n: int, size: int | None, expected: list[int] | None, tmp_path: Path) -> None:
    model, x = NeedsTwo(), torch.rand(n, 4)
    sizes: list[int] = []
    object.__setattr__(model, "sizes", sizes)
    recorder = bitlens.Recorder(model, tmp_path, (x, None), batch_size=size, show_size=False)
    with recorder:
        if expected is None:
            with pytest.raises(ValueError, match="one sample"):
                recorder.snapshot(0)
            return
        listed = [part.stop - part.start for part in batches.slices(n, size or 256)]
        recorder.snapshot(0)
    assert listed == expected
    check(bitlens.open_run(tmp_path), "output", 2 * x)


def test_a_probe_of_one_sample(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
    x = torch.rand(1, 1, 6, 6)
    check(record(tmp_path, model, (x, None)), "output", model.eval()(x))


def test_names_of_classes_hold_for_texts_in_any_order(tmp_path: Path) -> None:
    with bitlens.Recorder(perceptron(), tmp_path, (X, NAMES[Y]), classes=["cat", "ant", "bee", "dog"]) as recorder:
        recorder.snapshot(0)
    run = bitlens.open_run(tmp_path)
    assert [run.classes[label] for label in run.labels] == NAMES[Y].tolist()
    with pytest.raises(ValueError, match=r"probe: expected labels among classes \('ant', 'bee'\), got 'cat'"):
        bitlens.Recorder(perceptron(), tmp_path, (X, NAMES[Y]), classes=["ant", "bee"])
