"""Runs that cannot answer every question: `measure` computes the rest and says in one line what it leaves out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import bitlens
from bitlens import tables
from bitlens.cli import main
from bitlens.measures import COMPUTED, MEASURES, titled
from tests.support.recording import record_once

pytestmark = pytest.mark.filterwarnings("ignore::bitlens.SaturationWarning")


def classifier(outputs: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, outputs))


def segmenter() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1))


def one_channel() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))


def reader() -> nn.Sequential:
    return nn.Sequential(nn.Embedding(30, 4), nn.Flatten(), nn.Linear(24, 3))


def classes(n: int, count: int = 3) -> torch.Tensor:
    return torch.arange(n) % count


def diverged(path: Path, layer: int = 0, value: float = float("nan")) -> bitlens.Run:
    """The activations of all layers from one on are not finite at the second of two epochs."""
    model = classifier()
    with bitlens.Recorder(model, path, (torch.rand(20, 8), classes(20)), show_size=False) as recorder:
        recorder.snapshot(0)
        model[layer].bias.data[1] = value
        recorder.snapshot(1)
    return bitlens.open_run(path)


def recorded(model: Callable[[], nn.Module], inputs: torch.Tensor, labels: torch.Tensor | None, **options: bool):
    return lambda path: record_once(path, model(), inputs, labels, **options)


NO_LABELS = [
    "skipped training performance: RUN was recorded without labels, which training_performance needs",
    "skipped label information: RUN was recorded without labels, which label_information needs",
]
OUTPUTS = (
    "skipped training performance: RUN: expected one output for each of 3 classes, or one logit for two classes, "
    "got outputs of shape "
)
FEW_SAMPLES = [
    "skipped input diversity: RUN: expected at least 3 samples for input_diversity, got ",
    "skipped layer diversity: RUN: expected at least 3 samples for layer_diversity, got ",
]
NOT_ENOUGH = "expected 2 to n - 1 = {} for the samples of RUN, got 15"
CATEGORIES = (
    "skipped {0} of input: RUN: the input is int64 of shape (20, 6), category numbers such as token ids, which have no "
    "order; {1} needs magnitudes"
)
NAN = "contains NaN or infinity; every value must be finite"

# id: (records the run, the lines)
RUNS: dict[str, tuple[Callable[[Path], bitlens.Run], list[str]]] = {
    "one logit": (recorded(lambda: classifier(1), torch.rand(20, 8), classes(20, 2)), []),
    "one logit without an axis": (
        recorded(lambda: nn.Sequential(classifier(1), nn.Flatten(0)), torch.rand(20, 8), classes(20, 2)),
        [],
    ),
    "one logit with gradients": (
        recorded(lambda: classifier(1), torch.rand(20, 8), classes(20, 2), gradients=True),
        [],
    ),
    "one logit of three classes": (
        recorded(lambda: classifier(1), torch.rand(20, 8), classes(20)),
        [OUTPUTS + "(1,)"],
    ),
    "segmentation": (recorded(segmenter, torch.rand(20, 1, 6, 6), classes(20)), [OUTPUTS + "(3, 6, 6)"]),
    "segmentation without labels": (recorded(segmenter, torch.rand(20, 1, 6, 6), None), NO_LABELS),
    "15 samples": (
        recorded(classifier, torch.rand(15, 8), classes(15)),
        [f"skipped {name}: k: {NOT_ENOUGH.format(14)}" for name in ("input diversity", "layer diversity")],
    ),
    "3 samples": (
        recorded(classifier, torch.rand(3, 8), classes(3)),
        [f"skipped {name}: k: {NOT_ENOUGH.format(2)}" for name in ("input diversity", "layer diversity")],
    ),
    "2 samples": (recorded(classifier, torch.rand(2, 8), classes(2)), [f"{line}2" for line in FEW_SAMPLES]),
    "1 sample": (
        recorded(segmenter, torch.rand(1, 1, 6, 6), None),
        [
            NO_LABELS[0],
            *(f"{line}1" for line in FEW_SAMPLES),
            NO_LABELS[1],
            *(
                f"skipped {measure.title}: RUN: expected at least 2 samples for {name}, got 1"
                for name, measure in COMPUTED.items()
                if measure.rank >= 60
            ),
        ],
    ),
    "labels of one class": (recorded(classifier, torch.rand(20, 8), classes(20, 1)), []),
    "no labels": (recorded(classifier, torch.rand(20, 8), None), NO_LABELS),
    "one channel": (recorded(one_channel, torch.rand(20, 1, 6, 6), classes(20)), []),
    "one layer": (recorded(lambda: nn.Linear(8, 3), torch.rand(20, 8), classes(20)), []),
    "token ids": (
        recorded(reader, torch.randint(0, 30, (20, 6)), classes(20)),
        [
            CATEGORIES.format("channel entropies", "channel_entropies"),
            CATEGORIES.format("label information", "label_information"),
        ],
    ),
    "NaN in every layer": (
        diverged,
        [
            "left out training performance, epoch 1: the model's output is not finite: the training has diverged",
            f"left out layer diversity, epoch 1: the activations of 0, 1, output {NAN.replace('contains', 'contain')}",
            f"left out channel entropies of 0, 1, output, epoch 1: maps: {NAN}",
            f"left out label information of 0, 1, output, epoch 1: activations: {NAN}",
            f"left out layer pair information of input and 0, 0 and 1, 1 and output, epoch 1: maps: {NAN}",
            *(
                f"left out {name}, epoch 1: the activations of 0, 1, output {NAN.replace('contains', 'contain')}"
                for name in ("information plane", "processing inequalities")
            ),
        ],
    ),
    "infinity in the last layer": (
        lambda path: diverged(path, 2, float("inf")),
        [
            "left out layer diversity of output, epoch 1: the activations contain NaN or infinity",
            "left out information plane of output, epoch 1: the activations contain NaN or infinity",
            "left out training performance, epoch 1: the model's output is not finite: the training has diverged",
            f"left out channel entropies of output, epoch 1: maps: {NAN}",
            f"left out label information of output, epoch 1: activations: {NAN}",
            f"left out layer pair information of 1 and output, epoch 1: maps: {NAN}",
        ],
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_measure_leaves_out_what_a_run_cannot_answer(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    record, expected = RUNS[name]
    run = record(tmp_path / "run")
    monkeypatch.setattr(sys, "argv", ["bitlens", "measure", str(run.path), "--permutations", "2"])
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        with pytest.raises(SystemExit) as done:
            main()
    printed = capsys.readouterr()
    assert not done.value.code, printed.err
    lines = [line.removeprefix("bitlens: ").replace(str(run.path), "RUN") for line in printed.err.splitlines()]
    assert [line for line in lines if line.startswith(("skipped", "left out"))] == expected
    assert "Layers at epoch" in printed.out
    # Everything else is stored.
    skipped = [line.removeprefix("skipped ").partition(":")[0] for line in expected if line.startswith("skipped")]
    every = [(titled(m, target), m.title) for m in COMPUTED.values() for target in m.targets(run)]
    results = bitlens.measure(run, permutations=2, skipped=lambda _: None)
    assert list(results) == [title for title, measure in every if title not in skipped and measure not in skipped]


def test_finite_layers_are_measured_at_an_epoch_where_others_are_not(tmp_path: Path) -> None:
    run = diverged(tmp_path / "run", 2, float("inf"))
    for name, settings in (
        ("layer_diversity", {"k": 5}),
        ("information_plane", {"permutations": 2}),
        ("information_plane", {"estimator": "binning"}),
        ("information_plane", {"estimator": "kde"}),
    ):
        measure = MEASURES[name]
        with pytest.warns(
            UserWarning, match=f"left out {measure.title} of output, epoch 1: the activations contain NaN"
        ):
            result = measure(run, **settings)
        values = next(iter(result.data_vars.values())).sel(epoch=1)
        assert values.isnull().sum("layer").max() == values.sel(layer="output").isnull().max() == 1
    assert tables.gap_bounds(result, 1, 100).isna().all(axis=1).tolist() == [False] * 3
