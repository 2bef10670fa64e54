"""The recorder and its run on disk: interrupted and continued recordings, and epochs without stored activations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import bitlens
from bitlens.runs import RunError
from bitlens.runs.writer import RunWriter
from tests.network.test_recorder import convolutional, perceptron, samples


@pytest.mark.parametrize("resumed", [False, True], ids=["same process", "resumed"])
def test_an_epoch_is_recorded_only_with_its_metrics(
    resumed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption between the two writes of a snapshot leaves an epoch that can be recorded again."""
    written: list[str] = []

    def interrupt_second(name: str, patch: pytest.MonkeyPatch) -> None:
        write = getattr(RunWriter, name)

        def interrupted(*arguments: object) -> None:
            if written:
                raise KeyboardInterrupt
            written.append(name)
            write(*arguments)

        patch.setattr(RunWriter, name, interrupted)

    recorder = bitlens.Recorder(perceptron(), tmp_path / "run", samples())
    with recorder:
        with monkeypatch.context() as patch:
            interrupt_second("write_metrics", patch)
            interrupt_second("write_epoch", patch)
            with pytest.raises(KeyboardInterrupt):
                recorder.snapshot(0, loss=2.0)
        assert len(written) == 1
        run = bitlens.open_run(tmp_path / "run")
        assert set(run.epochs) <= set(run.metrics)
        if not resumed:
            recorder.snapshot(0, loss=1.0)
    if resumed:
        with bitlens.Recorder(perceptron(), tmp_path / "run", samples()) as recorder:
            assert recorder.epochs == []
            recorder.snapshot(0, loss=1.0)
    assert (run.epochs, run.metrics) == ([0], {0: {"loss": 1.0}})


def test_key_frames_and_measures_during_training(tmp_path: Path) -> None:
    measures = [lambda run: bitlens.channel_entropies(run, "0", bins=8)]
    model = convolutional()
    with bitlens.Recorder(model, tmp_path / "run", samples(), every=2, measures=measures) as recorder:
        for epoch in range(5):
            recorder.snapshot(epoch, loss=float(epoch))
    run = bitlens.open_run(tmp_path / "run")
    assert run.epochs == [0, 2, 4]
    assert list(run.metrics) == [0, 1, 2, 3, 4]
    assert bitlens.channel_entropies(run, "0", bins=8).epoch.values.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("difference", ["model", "probe", "dtype"])
def test_a_run_is_only_continued_by_the_same_recording(difference: str, tmp_path: Path) -> None:
    with bitlens.Recorder(convolutional(), tmp_path / "run", samples()) as recorder:
        recorder.snapshot(0)
    model = perceptron() if difference == "model" else convolutional()
    probe = samples(41) if difference == "probe" else samples()
    dtype = "float16" if difference == "dtype" else "float32"
    other = bitlens.Recorder(model, tmp_path / "run", probe, dtype=dtype)
    with pytest.raises(RunError, match="was recorded with another"):
        other.__enter__()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match=r"contains 'thesis.tex' and is not a run"):
        bitlens.Recorder(convolutional(), tmp_path, samples()).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_measure_that_fails_leaves_no_epoch_that_is_not_kept(tmp_path: Path) -> None:
    def failing(_: bitlens.Run) -> None:
        raise ZeroDivisionError

    with bitlens.Recorder(
        nn.Linear(4, 2), tmp_path / "run", (torch.rand(9, 4), None), every=2, measures=[failing]
    ) as r:
        with pytest.raises(ZeroDivisionError):
            r.snapshot(1)
        assert r.epochs == []


def test_an_epoch_that_is_recorded_again_is_measured_again(tmp_path: Path) -> None:
    model, probe = nn.Linear(4, 2), (torch.rand(9, 4), None)
    options = {"every": 2, "measures": [lambda run: bitlens.channel_entropies(run, "output")]}
    highest = []
    for _ in range(2):  # the second time like a training from a checkpoint
        with bitlens.Recorder(model, tmp_path / "run", probe, **options) as recorder:
            recorder.snapshot(1)
        run = bitlens.open_run(tmp_path / "run")
        highest.append(float(bitlens.channel_entropies(run, "output").highest[0]))
        with torch.no_grad():
            model.bias += 10
    assert highest[1] == pytest.approx(highest[0] + 10, abs=1e-4)
